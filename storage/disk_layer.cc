#include "storage/disk_layer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/subprocess.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::storage {
namespace {

// It takes 20 ms; the rest is for a host whose disk is busy.
constexpr std::chrono::seconds kQemuImgTimeout{30};

}  // namespace

absl::Status MakeDiskLayer(const std::string& qemu_img_program, const std::string& path,
                           const ImageDisk& backing, uint32_t size_mib) {
  // Made here first, so that it is root's alone from birth: qemu-img truncates it and keeps the
  // mode.
  const base::UniqueFd file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return base::ErrnoError(errno, base::StrCat("create ", path));

  const absl::StatusOr<base::ProgramResult> result =
      // -u: it does not look into the image, which may be a guest's work.
      base::RunProgram({qemu_img_program, "create", "-q", "-u", "-f", "qcow2", "-F",
                        backing.format == base::DiskFormat::kRaw ? "raw" : "qcow2", "-b",
                        backing.path, path, base::StrCat(size_mib, "M")},
                       kQemuImgTimeout);
  if (!result.ok()) {
    if (result.status().code() != absl::StatusCode::kDeadlineExceeded) return result.status();
    // This code's text leaves the host: without the program's path.
    return base::MakeError(absl::StatusCode::kDeadlineExceeded, base::Reason::kStageTimedOut,
                           "making the secondary's disk took longer than 30 s");
  }
  if (result->exit_code != 0) {
    return base::InternalError(base::StrCat("qemu-img create ended with ", result->exit_code, ": ",
                                            base::EscapeForLog(result->output, 1000)));
  }
  if (::fsync(file.get()) != 0) return base::ErrnoError(errno, base::StrCat("fsync ", path));
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return base::ErrnoError(errno, base::StrCat("open ", path));
  if (::fsync(fd.get()) != 0) return base::ErrnoError(errno, base::StrCat("fsync ", path));
  return absl::OkStatus();
}

}  // namespace flatvm::storage
