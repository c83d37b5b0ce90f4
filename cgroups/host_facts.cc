#include "cgroups/host_facts.h"

#include "cgroups/file_text.h"
#include "daemon/base/cpu_list.h"
#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {

absl::StatusOr<std::vector<uint32_t>> ReadPossibleCpus(const HostRoots& roots) {
  constexpr size_t kMaxBytes = 65536;
  const std::string path = base::StrCat(roots.sys, "/devices/system/cpu/possible");
  const absl::StatusOr<std::string> content = base::ReadFile(path, kMaxBytes);
  if (!content.ok()) {
    return base::InternalError(base::StrCat(path, ": ", base::Message(content.status())));
  }
  std::string_view text = *content;
  ChopNewline(&text);
  absl::StatusOr<std::vector<uint32_t>> cpus = base::ParseCpuList(path, text);
  if (!cpus.ok()) return base::InternalError(base::Message(cpus.status()));
  return cpus;
}

}  // namespace flatvm::cgroups
