#include "daemon/check/linux_host.h"

#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"
#include "daemon/check/try_filesystem.h"
#include "daemon/check/try_network.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/errors.h"

namespace flatvm::check {
namespace {

constexpr const char* kKvm = "/dev/kvm";
constexpr size_t kMaxFileBytes = size_t{1} << 20U;
constexpr std::chrono::seconds kProgramTimeout{10};
constexpr uint64_t kStatBlockBytes = 512;  // of st_blocks, whatever the filesystem's are

// libvirt packs a version as major * 1000000 + minor * 1000 + release.
std::string VersionText(unsigned long version) {
  constexpr unsigned long kThousand = 1000;
  return base::StrCat(version / (kThousand * kThousand), ".", version / kThousand % kThousand, ".",
                      version % kThousand);
}

}  // namespace

bool LinuxHost::IsRoot() { return ::geteuid() == 0; }

bool LinuxHost::Has(const std::string& path, Use use) {
  return ::access(path.c_str(), use == Use::kExecute ? X_OK : F_OK) == 0;
}

absl::StatusOr<std::string> LinuxHost::ReadFile(const std::string& path) {
  return base::ReadFile(path, kMaxFileBytes);
}

absl::StatusOr<base::ProgramResult> LinuxHost::Run(const std::vector<std::string>& argv) {
  return base::RunProgram(argv, kProgramTimeout);
}

absl::Status LinuxHost::TryKvm() {
  const base::UniqueFd kvm(::open(kKvm, O_RDWR | O_CLOEXEC));
  if (!kvm.valid() && errno == ENOENT) return absl::NotFoundError("there is no KVM");
  if (!kvm.valid()) return base::ErrnoError(errno, base::StrCat("open ", kKvm));
  // Also where the device is there and the processor's part is off, or another hypervisor has it.
  const base::UniqueFd vm(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
  return vm.valid() ? absl::OkStatus() : base::ErrnoError(errno, "make a VM by KVM");
}

absl::StatusOr<FilesystemFacts> LinuxHost::TryFilesystem(const std::string& directory) {
  return check::TryFilesystem(directory);
}

absl::StatusOr<SpaceFacts> LinuxHost::MeasureSpace(const std::string& directory,
                                                   const std::string& counted) {
  namespace fs = std::filesystem;
  struct statvfs space {};
  if (::statvfs(directory.c_str(), &space) != 0) {
    return base::ErrnoError(errno, base::StrCat("statvfs of ", directory));
  }
  SpaceFacts facts{.free_bytes = uint64_t{space.f_bavail} * space.f_frsize};
  std::error_code error;
  // What goes away meanwhile is not counted.
  for (fs::recursive_directory_iterator it(counted, error), end; !error && it != end;
       it.increment(error)) {
    struct stat file {};
    if (::lstat(it->path().c_str(), &file) != 0) continue;
    facts.taken_bytes += static_cast<uint64_t>(file.st_blocks) * kStatBlockBytes;
  }
  return facts;
}

NetworkFacts LinuxHost::TryNetwork() { return check::TryNetwork(); }

absl::StatusOr<HypervisorVersions> LinuxHost::AskLibvirt(const std::string& uri) {
  libvirt::Connection connection(uri);
  FLATVM_ASSIGN_OR_RETURN(const auto connect, connection.Get());
  unsigned long libvirt_version = 0;
  unsigned long qemu_version = 0;
  if (virConnectGetLibVersion(connect.get(), &libvirt_version) != 0 ||
      virConnectGetVersion(connect.get(), &qemu_version) != 0) {
    return libvirt::LastError("asking libvirt for versions");
  }
  return HypervisorVersions{.libvirt = VersionText(libvirt_version),
                            .qemu = VersionText(qemu_version)};
}

}  // namespace flatvm::check
