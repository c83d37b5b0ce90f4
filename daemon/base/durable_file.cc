#include "daemon/base/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::base {
namespace {

std::string Parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status SyncDirectory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, StrCat("open ", path));
  if (::fsync(fd.get()) != 0) return ErrnoError(errno, StrCat("fsync ", path));
  return absl::OkStatus();
}

absl::Status WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "write");
    content.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status WriteAndRename(const std::string& fresh, const std::string& path,
                            std::string_view content) {
  {
    const UniqueFd fd(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return ErrnoError(errno, StrCat("open ", fresh));
    // One left by a crash, or somebody else, may have another mode.
    if (::fchmod(fd.get(), 0600) != 0) return ErrnoError(errno, StrCat("chmod ", fresh));
    FLATVM_RETURN_IF_ERROR(WithContext(WriteAll(fd.get(), content), fresh));
    if (::fsync(fd.get()) != 0) return ErrnoError(errno, StrCat("fsync ", fresh));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return ErrnoError(errno, StrCat("rename ", fresh));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteFileDurably(const std::string& path, std::string_view content) {
  const std::string fresh = StrCat(path, ".new");
  if (const absl::Status status = WriteAndRename(fresh, path, content); !status.ok()) {
    ::unlink(fresh.c_str());  // half a file helps nobody, and on a full disk it takes what is left
    return status;
  }
  return SyncDirectory(Parent(path));
}

absl::Status RemoveFileDurably(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return ErrnoError(errno, StrCat("unlink ", path));
  }
  return SyncDirectory(Parent(path));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return absl::NotFoundError(StrCat(path, " is not there"));
    return ErrnoError(errno, StrCat("open ", path));
  }
  std::string content;
  std::string chunk(size_t{64} * 1024, '\0');
  while (true) {
    const ssize_t n = ::read(fd.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, StrCat("read ", path));
    if (n == 0) return content;
    content.append(chunk, 0, static_cast<size_t>(n));
    if (content.size() > max_bytes) {
      return InternalError(StrCat(path, " is larger than ", max_bytes, " bytes"));
    }
  }
}

absl::Status MakeDirectoryDurably(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) != 0) {
    if (errno != EEXIST) return ErrnoError(errno, StrCat("mkdir ", path));
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return ErrnoError(errno, StrCat("stat ", path));
    return S_ISDIR(info.st_mode) ? absl::OkStatus() : ErrnoError(ENOTDIR, StrCat("mkdir ", path));
  }
  return SyncDirectory(Parent(path));
}

absl::Status RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);  // removes a symlink itself, never what it points to
  if (error) return ErrnoError(error.value(), StrCat("remove ", path));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator it(path, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return ErrnoError(error.value(), StrCat("list ", path));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace flatvm::base
