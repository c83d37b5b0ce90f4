#include "storage/extfs/image_path.h"

#include <algorithm>

#include "daemon/base/error.h"

namespace flatvm::extfs {
namespace {

absl::Status Malformed(std::string_view message) {
  return base::FieldError(base::Reason::kFieldMalformed, "path", message);
}

}  // namespace

absl::StatusOr<std::vector<std::string_view>> ParseImagePath(std::string_view path) {
  if (path.empty()) return Malformed("is empty");
  if (path.size() > kMaxPathBytes) return Malformed("is longer than 4096 bytes");
  if (path.find('\0') != std::string_view::npos) return Malformed("holds a NUL");
  std::vector<std::string_view> components;
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view name = path.substr(at, end - at);
    if (name.empty()) {
      return Malformed("must be relative to the disk's root, without \"//\" or '/' at its ends");
    }
    if (name == "." || name == "..") return Malformed("must not hold \".\" or \"..\"");
    if (name.size() > kMaxNameBytes) return Malformed("holds a name of more than 255 bytes");
    if (components.size() == kMaxPathComponents) return Malformed("has more than 32 components");
    components.push_back(name);
    at = end + 1;
  }
  return components;
}

}  // namespace flatvm::extfs
