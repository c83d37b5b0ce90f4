// A cgroup of the kernel's: its files and its children, by name. Knows nothing of what they hold.
// Limits are systemd's to write; only what it has no property for is written here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::cgroups {

// A cgroup, held by a file descriptor of its directory: it stays the same one whatever is done to
// its path. Immutable, hence thread-safe; blocks on the kernel only.
// Errors of every call: NOT_FOUND / kTenantNotFound if the cgroup is gone; INTERNAL naming the
// file.
class CgroupDir {
 public:
  // `path` is the cgroup's as systemd's ControlGroup gives it, such as
  // "/flatvm.slice/flatvm-acme.slice", below `root`, where cgroup v2 is mounted.
  static absl::StatusOr<CgroupDir> Open(const std::string& root, const std::string& path);

  // A direct child. NOT_FOUND if there is none of this name.
  absl::StatusOr<CgroupDir> OpenChild(const std::string& name) const;

  // Names of the direct children, in no order.
  absl::StatusOr<std::vector<std::string>> ListChildren() const;

  // As it was when the cgroup was opened; also how /proc/<pid>/cgroup names it.
  const std::string& path() const { return path_; }

  // The whole file.
  absl::StatusOr<std::string> ReadFile(const char* name) const;

  // The whole file; none if this kernel has no such file in this cgroup, or does not serve it.
  absl::StatusOr<std::optional<std::string>> FindFile(const char* name) const;

  // False if there is no such file in this cgroup.
  absl::StatusOr<bool> WriteFile(const char* name, std::string_view content) const;

  // Whether a process runs in it or below it (cgroup.events, "populated"). INTERNAL if the file
  // does not say.
  absl::StatusOr<bool> IsPopulated() const;

 private:
  CgroupDir(base::UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  // What `error` of an access to `name` means. A removed cgroup's open files answer ENODEV, its
  // directory holds none any more.
  absl::Status FileError(int error, const char* verb, const char* name) const;

  base::UniqueFd fd_;
  std::string path_;
};

}  // namespace flatvm::cgroups
