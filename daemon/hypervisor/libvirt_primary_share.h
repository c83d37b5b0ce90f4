// The real PrimaryShare: the virtio balloon of QEMU and the CPU quota of the domain's cgroup, both
// through libvirt.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/hypervisor/primary_share.h"

namespace flatvm::libvirt {
class Connection;
}

namespace flatvm::hypervisor {

// Thread-safe. Errors of every call: also FAILED_PRECONDITION / kPrimaryNotDefined if the domain is
// a secondary.
class LibvirtPrimaryShare final : public PrimaryShare {
 public:
  explicit LibvirtPrimaryShare(libvirt::Connection& connection) : connection_(connection) {}

  // `has_driver` is QEMU's time stamp of the last statistics that the guest's driver sent, which is
  // 0 until the first (QEMU 7.2, hw/virtio/virtio-balloon.c; without a driver:
  // LibvirtHypervisorTest in tests/integration). Linux' driver sends them when it starts, asked or
  // not; a driver that has no statistics is not seen. A reset of the guest changes neither time
  // stamp nor `actual_mib`.
  absl::StatusOr<PrimaryMemory> ReadMemory(const std::string& uuid) override;

  // QEMU keeps what was asked for: a driver that starts later, also after a reset of the guest,
  // still hears of it.
  absl::Status SetMemory(const std::string& uuid, uint32_t memory_mib) override;

  // cpu.max of the cgroup below the machine's scope that libvirt keeps to itself, so that systemd
  // does not undo it. 0 also lifts for this run a quota that the definition has (<global_quota>).
  absl::Status SetCpuQuota(const std::string& uuid, uint32_t cpu_percent) override;

  // The kernel's value. One that was set elsewhere is rounded up.
  absl::StatusOr<uint32_t> ReadCpuQuota(const std::string& uuid) override;

 private:
  libvirt::Connection& connection_;
};

}  // namespace flatvm::hypervisor
