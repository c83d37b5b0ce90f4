#include "daemon/check/mount_type.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_split.h"
#include "daemon/base/str_cat.h"

namespace flatvm::check {

std::string FindMountType(std::string_view mountinfo, uint64_t mount_id) {
  // "36 35 98:0 /root /mount/point options [fields…] - type source options"
  const std::string id = base::StrCat(mount_id);
  for (const absl::string_view line : absl::StrSplit(base::ToAbsl(mountinfo), '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    if (fields.front() != id) continue;
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    return fields.end() - dash > 1 ? *(dash + 1) : "";
  }
  return "";
}

}  // namespace flatvm::check
