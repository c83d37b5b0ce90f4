#include "cgroups/vm_scope.h"

#include <fcntl.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "cgroups/file_at.h"
#include "cgroups/file_text.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::cgroups {
namespace {

constexpr const char* kOomGroup = "memory.oom.group";
constexpr const char* kProcs = "cgroup.procs";
constexpr const char* kMemoryStat = "memory.stat";
// The whole of it at once, before any process that is not exposed: proc(5), "oom_score_adj".
constexpr const char* kHighestScore = "1000";
// libvirt's own level of a scope with systemd; QEMU's processes are threads' cgroups below it.
constexpr const char* kLibvirtChild = "libvirt";
// <scope>/libvirt/vcpu0 and one to spare.
constexpr int kMaxDepth = 3;

absl::Status VmNotFound(std::string_view message) {
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kVmNotFound, message);
}

// A cgroup that is gone, said of a domain's.
absl::Status OfVm(const absl::Status& status) {
  return absl::IsNotFound(status) ? VmNotFound(base::Message(status)) : status;
}

// Appends the processes of `cgroup` and of those `depth` levels below it.
absl::Status AppendProcesses(const CgroupDir& cgroup, int depth, std::vector<uint64_t>* pids) {
  // None of a threaded cgroup, EOPNOTSUPP: the domain above it lists its processes.
  FLATVM_ASSIGN_OR_RETURN(const std::optional<std::string> content, cgroup.FindFile(kProcs));
  std::string_view lines = content.has_value() ? std::string_view(*content) : "";
  while (!lines.empty()) {
    const std::string_view line = TakePart(&lines, '\n');
    const std::optional<uint64_t> pid = ParseNumber(line);
    if (!pid.has_value()) return base::WithContext(Malformed(line, "process"), kProcs);
    if (*pid != 0) pids->push_back(*pid);  // 0: of a PID namespace that is not ours
  }
  if (depth == 0) return absl::OkStatus();
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> names, cgroup.ListChildren());
  for (const std::string& name : names) {
    const absl::StatusOr<CgroupDir> child = cgroup.OpenChild(name);
    const absl::Status status =
        child.ok() ? AppendProcesses(*child, depth - 1, pids) : child.status();
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return absl::OkStatus();
}

// Whether the content of /proc/<pid>/cgroup has the process in the cgroup at `path` or below it.
bool IsInside(std::string_view proc_cgroup, std::string_view path) {
  while (!proc_cgroup.empty()) {
    std::string_view line = TakePart(&proc_cgroup, '\n');
    if (!line.starts_with("0::")) continue;  // cgroup v1's hierarchies have other numbers
    line.remove_prefix(3);
    return line.starts_with(path) && (line.size() == path.size() || line[path.size()] == '/');
  }
  return false;
}

// False if the process is gone, or another one has its number by now.
absl::StatusOr<bool> ExposeProcess(uint64_t pid, const std::string& scope_path,
                                   const std::string& proc_root) {
  const std::string directory = base::StrCat(proc_root, "/", pid);
  const base::UniqueFd process(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  int error = process.valid() ? 0 : errno;
  // Asked after it was opened: from here on the descriptor means this process or none.
  std::string cgroups;
  if (error == 0) error = ReadFileAt(process.get(), "cgroup", &cgroups);
  if (error == 0 && !IsInside(cgroups, scope_path)) return false;
  if (error == 0) error = WriteFileAt(process.get(), "oom_score_adj", kHighestScore);
  if (error == 0) return true;
  if (error == ENOENT || error == ESRCH) return false;
  return base::ErrnoError(error, base::StrCat("set oom_score_adj of process ", pid));
}

// Killed whole or not at all.
absl::Status SetOomGroup(const CgroupDir& scope) {
  FLATVM_ASSIGN_OR_RETURN(const bool set, scope.WriteFile(kOomGroup, "1"));
  if (!set) return base::InternalError(base::StrCat(scope.path(), " has no ", kOomGroup));
  // systemd knows this setting as a scope's OOMPolicy= and writes its own idea of it again whenever
  // it applies the scope's properties; it never touches what is below.
  const absl::StatusOr<CgroupDir> child = scope.OpenChild(kLibvirtChild);
  const absl::Status status =
      child.ok() ? child->WriteFile(kOomGroup, "1").status() : child.status();
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status Expose(const CgroupDir& scope, const std::string& proc_root) {
  FLATVM_RETURN_IF_ERROR(SetOomGroup(scope));
  std::vector<uint64_t> pids;
  FLATVM_RETURN_IF_ERROR(AppendProcesses(scope, kMaxDepth, &pids));
  size_t exposed = 0;
  for (const uint64_t pid : pids) {
    FLATVM_ASSIGN_OR_RETURN(const bool reached, ExposeProcess(pid, scope.path(), proc_root));
    if (reached) ++exposed;
  }
  if (pids.empty() || exposed > 0) return absl::OkStatus();
  FLATVM_ASSIGN_OR_RETURN(const bool populated, scope.IsPopulated());
  if (!populated) return absl::OkStatus();
  return base::InternalError(
      base::StrCat(proc_root, " shows none of the ", pids.size(), " processes of ", scope.path()));
}

}  // namespace

bool IsScopeOfDomain(std::string_view cgroup_name, uint32_t domain_id) {
  return cgroup_name.starts_with(base::StrCat("machine-qemu\\x2d", domain_id, "\\x2d")) &&
         cgroup_name.ends_with(".scope");
}

absl::StatusOr<CgroupDir> OpenVmScope(const CgroupDir& slice, uint32_t domain_id) {
  const absl::StatusOr<std::vector<std::string>> names = slice.ListChildren();
  if (!names.ok()) return OfVm(names.status());
  for (const std::string& name : *names) {
    if (!IsScopeOfDomain(name, domain_id)) continue;
    absl::StatusOr<CgroupDir> scope = slice.OpenChild(name);
    if (!scope.ok()) return OfVm(scope.status());
    return scope;
  }
  return VmNotFound(base::StrCat("domain ", domain_id, " has no scope in ", slice.path()));
}

absl::Status ExposeScopeToOomKiller(const CgroupDir& scope, const std::string& proc_root) {
  return OfVm(Expose(scope, proc_root));
}

absl::StatusOr<uint64_t> ParseGuestMemory(std::string_view memory_stat) {
  FLATVM_ASSIGN_OR_RETURN(const uint64_t anonymous, ParseKeyedNumber(memory_stat, "anon"));
  FLATVM_ASSIGN_OR_RETURN(const uint64_t shared, ParseKeyedNumber(memory_stat, "shmem"));
  if (shared > UINT64_MAX - anonymous) return base::InternalError("holds impossible numbers");
  return anonymous + shared;
}

absl::StatusOr<uint64_t> ReadScopeMemory(const CgroupDir& scope) {
  const absl::StatusOr<std::string> content = scope.ReadFile(kMemoryStat);
  if (!content.ok()) return OfVm(content.status());
  absl::StatusOr<uint64_t> bytes = ParseGuestMemory(*content);
  if (!bytes.ok()) return base::WithContext(bytes.status(), kMemoryStat);
  return bytes;
}

}  // namespace flatvm::cgroups
