// QuotaDisks and ImageReturns in memory, beside the files of a FakeStorage: what an image is comes
// from the test.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "daemon/base/steps.h"
#include "storage/image_returns.h"
#include "storage/quota_disks.h"
#include "tests/fakes/fail_next.h"
#include "tests/fakes/fake_storage.h"

namespace flatvm::fakes {

// A tenant's quota disk; the images on it by path, with their length in bytes.
struct FakeQuotaDisk {
  uint32_t size_mib = 0;
  std::map<std::string, uint64_t> images;
  bool operator==(const FakeQuotaDisk&) const = default;
};

// What Extract made, by the id of the volume to be.
struct FakeExtraction {
  std::string path;
  uint64_t image_bytes = 0;
  bool swapped = false;  // the disk is without it, and it has no name yet
  bool operator==(const FakeExtraction&) const = default;
};

// What Insert made.
struct FakeInsertion {
  std::string path;
  uint32_t new_disk_mib = 0;
  bool operator==(const FakeInsertion&) const = default;
};

// Thread-safe. An image that comes back has the length of its volume. `cuts` is "cut", to be seen
// in records. Passes the steps that the real one passes in place, and can be cut off at each.
class FakeQuotaDisks final : public storage::QuotaDisks,
                             public storage::ImageReturns,
                             public FailableFake {
 public:
  struct State {
    std::map<std::string, FakeQuotaDisk> disks;                           // by tenant
    std::map<std::string, std::map<std::string, FakeExtraction>> beside;  // by tenant
    std::map<std::string, FakeInsertion> inserted;                        // by tenant
    bool operator==(const State&) const = default;
  };

  explicit FakeQuotaDisks(FakeStorage& storage, base::Steps steps = {})
      : storage_(storage), steps_(std::move(steps)) {}

  State Snapshot() const;
  // As if the tenant's primary had copied it there.
  void PutImage(const std::string& tenant, const std::string& path, uint64_t bytes);

  std::string QuotaDiskPath(const std::string& tenant) const override;
  absl::Status EnsureQuotaDisk(const std::string& tenant, uint32_t size_mib) override;
  absl::Status GrowQuotaDisk(const std::string& tenant, uint32_t size_mib) override;
  absl::Status RemoveQuotaDisk(const std::string& tenant) override;
  std::unique_ptr<storage::PreparedWorker> Prepare(const std::string& /*tenant*/) override {
    return nullptr;
  }
  void KeepReady(const std::string& tenant) override { kept_ready.insert(tenant); }
  void Dismiss(const std::string& tenant) override { kept_ready.erase(tenant); }
  absl::StatusOr<storage::Extracted> Extract(const storage::ExtractOrder& order) override;
  absl::StatusOr<std::optional<storage::EarlyExtraction>> ExtractEarly(
      const storage::ExtractOrder& order) override {
    if (!extracts_early) return std::optional<storage::EarlyExtraction>();
    return std::optional<storage::EarlyExtraction>({.result = Extract(order), .disk = {}});
  }
  absl::StatusOr<bool> IsUnchanged(const std::string& /*tenant*/,
                                   const storage::DiskStamp& /*before*/) override {
    return !is_written_to;
  }
  absl::Status Swap(const std::string& tenant, const std::string& volume_id,
                    const storage::Extracted& extracted) override;
  absl::Status Discard(const std::string& tenant, const std::string& volume_id) override;
  absl::Status CheckReturn(const storage::ReturnOrder& order) override;
  absl::Status Insert(const storage::ReturnOrder& order) override;
  absl::StatusOr<storage::SwappedBack> SwapBack(const std::string& tenant,
                                                const std::string& volume_id,
                                                uint32_t new_disk_mib) override;

  bool extracts_early = false;
  bool is_written_to = false;        // while it is unplugged
  std::set<std::string> kept_ready;  // tenants; to be looked at while nothing runs

 private:
  // Whoever looks on is called with mutex_ held. Errors: those ordered for the step by its name.
  absl::Status Pass(base::Step step);
  absl::Status CheckPlace(const storage::ReturnOrder& order);

  FakeStorage& storage_;
  const base::Steps steps_;
  mutable std::mutex mutex_;
  State state_;  // guarded by mutex_
};

}  // namespace flatvm::fakes
