#include "cgroups/cgroup_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "cgroups/file_at.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {
namespace {

constexpr const char* kEvents = "cgroup.events";

absl::Status NotThere(std::string_view message) {
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kTenantNotFound, message);
}

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

absl::StatusOr<CgroupDir> CgroupDir::Open(const std::string& root, const std::string& path) {
  if (path.size() < 2 || path.front() != '/') {
    return base::InternalError(
        base::StrCat("\"", base::EscapeForLog(path), "\" is no cgroup path"));
  }
  const base::UniqueFd root_fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_fd.valid()) return base::ErrnoError(errno, base::StrCat("open ", root));
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  base::UniqueFd fd(
      static_cast<int>(::syscall(SYS_openat2, root_fd.get(), path.c_str() + 1, &how, sizeof(how))));
  if (!fd.valid()) {
    if (errno == ENOENT) return NotThere(base::StrCat("cgroup ", path, " is not there"));
    return base::ErrnoError(errno, base::StrCat("open cgroup ", path));
  }
  return CgroupDir(std::move(fd), path);
}

absl::StatusOr<CgroupDir> CgroupDir::OpenChild(const std::string& name) const {
  std::string path = base::StrCat(path_, "/", name);
  base::UniqueFd fd(
      ::openat(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) {
    if (errno == ENOENT) return NotThere(base::StrCat("cgroup ", path, " is not there"));
    return base::ErrnoError(errno, base::StrCat("open cgroup ", path));
  }
  return CgroupDir(std::move(fd), std::move(path));
}

absl::StatusOr<std::vector<std::string>> CgroupDir::ListChildren() const {
  // A descriptor of its own: fd_'s has one position for all threads.
  base::UniqueFd fd(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return FileError(errno, "open", ".");
  const std::unique_ptr<DIR, DirectoryCloser> directory(::fdopendir(fd.get()));
  if (directory == nullptr) return FileError(errno, "list", ".");
  fd.Release();
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr && errno != 0) return FileError(errno, "list", ".");
    if (entry == nullptr) return names;
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
}

absl::Status CgroupDir::FileError(int error, const char* verb, const char* name) const {
  const bool gone =
      error == ENODEV || (error == ENOENT && ::faccessat(fd_.get(), kEvents, F_OK, 0) != 0);
  if (gone) return NotThere("the cgroup is gone");
  return base::ErrnoError(error, base::StrCat(verb, " ", name));
}

absl::StatusOr<std::string> CgroupDir::ReadFile(const char* name) const {
  std::string content;
  if (const int error = ReadFileAt(fd_.get(), name, &content); error != 0) {
    return FileError(error, "read", name);
  }
  return content;
}

absl::StatusOr<std::optional<std::string>> CgroupDir::FindFile(const char* name) const {
  std::string content;
  const int error = ReadFileAt(fd_.get(), name, &content);
  if (error == 0) return std::optional<std::string>(std::move(content));
  absl::Status status = FileError(error, "read", name);
  const bool unserved = error == ENOENT || error == EOPNOTSUPP;
  if (unserved && !absl::IsNotFound(status)) return std::optional<std::string>();
  return status;
}

absl::StatusOr<bool> CgroupDir::WriteFile(const char* name, std::string_view content) const {
  const int error = WriteFileAt(fd_.get(), name, content);
  if (error == 0) return true;
  absl::Status status = FileError(error, "write", name);
  if (error == ENOENT && !absl::IsNotFound(status)) return false;
  return status;
}

absl::StatusOr<bool> CgroupDir::IsPopulated() const {
  FLATVM_ASSIGN_OR_RETURN(const std::string events, ReadFile(kEvents));
  for (const bool populated : {false, true}) {
    const std::string line = base::StrCat("populated ", populated ? 1 : 0, "\n");
    if (events.find(line) != std::string::npos) return populated;
  }
  return base::InternalError(base::StrCat(kEvents, " does not say whether it is populated"));
}

}  // namespace flatvm::cgroups
