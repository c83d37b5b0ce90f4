// PrimaryShare in memory, on the primaries of a FakeHypervisor; their state is in its Snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "daemon/hypervisor/primary_share.h"
#include "tests/fakes/fail_next.h"
#include "tests/fakes/fake_hypervisor.h"

namespace flatvm::fakes {

// Thread-safe. A primary that starts has all of its memory and no quota. What its guest does with
// its balloon: FakeHypervisor::SetBalloonGuest.
class FakePrimaryShare final : public hypervisor::PrimaryShare, public FailableFake {
 public:
  explicit FakePrimaryShare(FakeHypervisor& hypervisor) : hypervisor_(hypervisor) {}

  absl::StatusOr<hypervisor::PrimaryMemory> ReadMemory(const std::string& uuid) override;
  absl::Status SetMemory(const std::string& uuid, uint32_t memory_mib) override;
  absl::Status SetCpuQuota(const std::string& uuid, uint32_t cpu_percent) override;
  absl::StatusOr<uint32_t> ReadCpuQuota(const std::string& uuid) override;

 private:
  // FakeHypervisor::UsePrimary. Errors: also FAILED_PRECONDITION / kPrimaryNotRunning.
  absl::Status UseRunning(const std::string& uuid,
                          const std::function<absl::Status(FakePrimary*)>& use);

  FakeHypervisor& hypervisor_;
};

}  // namespace flatvm::fakes
