#include "daemon/check/try_filesystem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/unique_fd.h"
#include "daemon/check/mount_type.h"
#include "storage/sparse_copy.h"

namespace flatvm::check {
namespace {

constexpr size_t kMaxMountinfoBytes = size_t{16} << 20U;
// Whole blocks of every filesystem: ext4's, XFS' and btrfs' have at most 64 KiB.
constexpr off_t kBlock = off_t{64} * 1024;
constexpr size_t kBlocks = 3;

base::UniqueFd OpenUnnamed(const std::string& directory, int flags) {
  return base::UniqueFd(
      ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | flags, S_IRUSR | S_IWUSR));
}

// Empty if it cannot be told.
std::string TypeOf(const std::string& directory) {
  struct statx info = {};
  if (::statx(AT_FDCWD, directory.c_str(), AT_STATX_DONT_SYNC, STATX_MNT_ID, &info) != 0) return "";
  const auto mountinfo = base::ReadFile("/proc/self/mountinfo", kMaxMountinfoBytes);
  return mountinfo.ok() ? FindMountType(*mountinfo, info.stx_mnt_id) : "";
}

bool CanShift(int file) {
  return ::fallocate(file, FALLOC_FL_COLLAPSE_RANGE, kBlock, kBlock) == 0 &&
         ::fallocate(file, FALLOC_FL_INSERT_RANGE, kBlock, kBlock) == 0;
}

}  // namespace

absl::StatusOr<FilesystemFacts> TryFilesystem(const std::string& directory) {
  if (::access(directory.c_str(), F_OK) != 0 && errno == ENOENT) {
    return absl::NotFoundError("no such directory");
  }
  const base::UniqueFd file = OpenUnnamed(directory, 0);
  if (!file.valid()) return base::ErrnoError(errno, "make an unnamed file");
  const std::string content(kBlocks * static_cast<size_t>(kBlock), 'x');
  if (::pwrite(file.get(), content.data(), content.size(), 0) !=
          static_cast<ssize_t>(content.size()) ||
      ::fsync(file.get()) != 0) {
    return base::ErrnoError(errno, "write an unnamed file");
  }
  const base::UniqueFd other = OpenUnnamed(directory, 0);
  if (!other.valid()) return base::ErrnoError(errno, "make an unnamed file");
  FLATVM_ASSIGN_OR_RETURN(const storage::Sharing sharing,
                          storage::ShareBlocks(file.get(), other.get()));
  const std::string type = TypeOf(directory);
  return FilesystemFacts{.type = type.empty() ? "a filesystem" : type,
                         .direct_io = OpenUnnamed(directory, O_DIRECT).valid(),
                         .shares_blocks = sharing == storage::Sharing::kShared,
                         .shifts_blocks = CanShift(file.get())};
}

}  // namespace flatvm::check
