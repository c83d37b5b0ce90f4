// TenantCgroups in memory.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cgroups/tenant_cgroups.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// Thread-safe.
class FakeCgroups final : public cgroups::TenantCgroups, public FailableFake {
 public:
  // Everything there is: the limits of each tenant's slice.
  using State = std::map<std::string, cgroups::SliceLimits>;
  State Snapshot() const;

  absl::Status EnsureSlice(const std::string& tenant, const cgroups::SliceLimits& limits) override;
  absl::Status RemoveSlice(const std::string& tenant) override;
  absl::StatusOr<cgroups::SliceLimits> ReadLimits(const std::string& tenant) override;
  absl::StatusOr<std::vector<std::string>> ListTenants() override;

 private:
  mutable std::mutex mutex_;
  State slices_;  // guarded by mutex_
};

}  // namespace flatvm::fakes
