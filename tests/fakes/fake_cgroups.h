// TenantCgroups in memory.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
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
  // A domain: its tenant, and libvirt's number of its run. The fake does not know which ones run:
  // in a slice that is there, every one has a scope.
  using Domain = std::pair<std::string, uint32_t>;
  // Those that ExposeToOomKiller was called for, also when their slice is gone since.
  std::set<Domain> Exposed() const;

  // Somebody else changes the limits of a slice.
  void SetLimits(const std::string& tenant, const cgroups::SliceLimits& limits);
  // What ReadUsage answers for as long as the slice is there; nothing used until then.
  void SetUsage(const std::string& tenant, const cgroups::SliceUsage& usage);
  // What ReadVmMemory answers; 0 until then.
  void SetVmMemory(const std::string& tenant, uint32_t domain_id, uint64_t bytes);

  absl::Status EnsureSlice(const std::string& tenant, const cgroups::SliceLimits& limits) override;
  absl::Status RemoveSlice(const std::string& tenant) override;
  absl::StatusOr<cgroups::SliceLimits> ReadLimits(const std::string& tenant) override;
  absl::StatusOr<cgroups::SliceUsage> ReadUsage(const std::string& tenant) override;
  absl::Status ExposeToOomKiller(const std::string& tenant, uint32_t domain_id) override;
  absl::StatusOr<uint64_t> ReadVmMemory(const std::string& tenant, uint32_t domain_id) override;
  absl::StatusOr<std::vector<std::string>> ListTenants() override;

 private:
  mutable std::mutex mutex_;  // guards all below
  State slices_;
  std::map<std::string, cgroups::SliceUsage> usage_;
  std::map<Domain, uint64_t> vm_memory_;
  std::set<Domain> exposed_;
};

}  // namespace flatvm::fakes
