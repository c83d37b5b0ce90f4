#include "daemon/hypervisor/boot_id.h"

#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "daemon/base/durable_file.h"
#include "daemon/base/str_cat.h"

namespace flatvm::hypervisor {
namespace {

constexpr size_t kMaxFile = 4096;

std::string ReadLine(const std::string& path) {
  const auto text = base::ReadFile(path, kMaxFile);
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : std::string();
}

// Field 22 of proc(5)'s stat; 0 if there is no such process. Field 2, the program's name in
// parentheses, may hold anything, so fields are counted from its end.
uint64_t ReadStartTicks(const std::string& proc, int pid) {
  constexpr size_t kStartAfterName = 19;  // field 22, the first after the name being field 3
  const std::string stat = ReadLine(base::StrCat(proc, "/", pid, "/stat"));
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  const std::vector<std::string> fields =
      absl::StrSplit(stat.substr(name_end + 1), ' ', absl::SkipEmpty());
  uint64_t ticks = 0;
  if (fields.size() <= kStartAfterName || !absl::SimpleAtoi(fields[kStartAfterName], &ticks)) {
    return 0;
  }
  return ticks;
}

}  // namespace

std::string ReadBootId(const BootIdSources& sources, const std::string& domain_name,
                       int domain_id) {
  int pid = 0;
  // libvirt allows no '/' in a domain's name.
  const std::string pid_text =
      ReadLine(base::StrCat(sources.qemu_pid_dir, "/", domain_name, ".pid"));
  if (!absl::SimpleAtoi(pid_text, &pid) || pid <= 0) pid = 0;
  const uint64_t ticks = pid == 0 ? 0 : ReadStartTicks(sources.proc, pid);
  return base::StrCat(ReadLine(sources.kernel_boot_id), ":", domain_id, ":", pid, ":", ticks);
}

}  // namespace flatvm::hypervisor
