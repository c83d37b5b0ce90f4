// The real PrimaryDisks: virtio disks of QEMU, plugged in and out by libvirt.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/hypervisor/primary_disks.h"

namespace flatvm::libvirt {
class Connection;
class DeviceRemovals;
}  // namespace flatvm::libvirt

namespace flatvm::hypervisor {

// Thread-safe. One for a Connection. Errors of every call: also FAILED_PRECONDITION /
// kPrimaryNotDefined if the domain is a secondary. A disk is what has this file, whoever gave it to
// the primary.
class LibvirtPrimaryDisks final : public PrimaryDisks {
 public:
  LibvirtPrimaryDisks(libvirt::Connection& connection, base::Logger& log, const base::Clock& clock);
  ~LibvirtPrimaryDisks() override;

  // libvirt gives the file to QEMU's user, and takes it back when the disk is out again.
  absl::Status Attach(const std::string& uuid, const PrimaryDisk& disk) override;
  absl::Status AttachToDefinition(const std::string& uuid, const PrimaryDisk& disk) override;

  // Asks the guest once at least, and again every 5 s: one that is booting misses the first time.
  // libvirt's own answer says nothing: to a request that waits for the guest it is success, after
  // 5 s, with the disk still there (libvirt 9.0: LibvirtPrimaryDisksTest in tests/integration).
  // So it waits for libvirt's event, and believes the XML.
  // Known gap: to be asked again within the 20 ms or so in which QEMU 7.2 is taking out what the
  // guest let go of makes libvirt forget the file too early. QEMU then keeps it open until it ends,
  // without a lock on it and without using it (measured).
  absl::Status Detach(const std::string& uuid, const std::string& path,
                      std::chrono::milliseconds timeout) override;

  absl::Status AnnounceSize(const std::string& uuid, const std::string& path,
                            uint64_t size_bytes) override;

  absl::StatusOr<std::vector<std::string>> ListLive(const std::string& uuid) override;

 private:
  libvirt::Connection& connection_;
  base::Logger& log_;
  const base::Clock& clock_;
  const std::unique_ptr<libvirt::DeviceRemovals> removals_;
};

}  // namespace flatvm::hypervisor
