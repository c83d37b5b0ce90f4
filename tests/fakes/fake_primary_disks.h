// PrimaryDisks in memory, on the primaries of a FakeHypervisor; their state is in its Snapshot too.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/hypervisor/primary_disks.h"
#include "tests/fakes/fail_next.h"
#include "tests/fakes/fake_hypervisor.h"

namespace flatvm::fakes {

// What primaries' guests do when they are asked for a disk.
enum class DiskGuest {
  kLetsGo,
  kKeeps,  // Detach fails at once
};

// Of one primary.
struct FakeDisks {
  std::vector<hypervisor::PrimaryDisk> live;  // of its running instance, in the order of attachment
  std::vector<hypervisor::PrimaryDisk> defined;
  std::map<std::string, uint64_t> sizes_bytes;  // announced to the running instance, by path

  bool operator==(const FakeDisks&) const = default;
};

// Thread-safe. A primary that starts has the disks of its definition.
class FakePrimaryDisks final : public hypervisor::PrimaryDisks, public FailableFake {
 public:
  explicit FakePrimaryDisks(FakeHypervisor& hypervisor) : hypervisor_(hypervisor) {}

  // By UUID; primaries without any disk are left out.
  std::map<std::string, FakeDisks> Snapshot() const;

  // From now on, for all primaries.
  void SetGuest(DiskGuest guest);
  // Of all primaries, now running or not: their running instance has no port for a disk.
  void TakeSlots(bool taken);

  absl::Status Attach(const std::string& uuid, const hypervisor::PrimaryDisk& disk) override;
  absl::Status AttachToDefinition(const std::string& uuid,
                                  const hypervisor::PrimaryDisk& disk) override;
  absl::Status Detach(const std::string& uuid, const std::string& path,
                      std::chrono::milliseconds timeout) override;
  absl::Status AnnounceSize(const std::string& uuid, const std::string& path,
                            uint64_t size_bytes) override;
  absl::StatusOr<std::vector<std::string>> ListLive(const std::string& uuid) override;

 private:
  bool GuestKeeps();
  bool HasSlots();

  FakeHypervisor& hypervisor_;
  std::mutex mutex_;  // guards the rest
  DiskGuest guest_ = DiskGuest::kLetsGo;
  bool slots_taken_ = false;
};

}  // namespace flatvm::fakes
