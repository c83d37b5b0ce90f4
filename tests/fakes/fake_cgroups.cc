#include "tests/fakes/fake_cgroups.h"

#include <algorithm>
#include <functional>

#include "daemon/base/cpu_list.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::fakes {
namespace {

absl::Status CheckTenant(const std::string& tenant) {
  return base::IsName(tenant) ? absl::OkStatus() : base::InternalError("not a tenant's name");
}

absl::Status CheckLimits(const cgroups::SliceLimits& limits) {
  const uint64_t least =
      std::min({limits.memory_max_bytes, limits.memory_high_bytes, uint64_t{limits.cpu_percent},
                limits.tasks_max, limits.io.read_bytes, limits.io.write_bytes,
                limits.io.read_operations, limits.io.write_operations});
  const bool rising = std::adjacent_find(limits.cpus.begin(), limits.cpus.end(),
                                         std::greater_equal<>()) == limits.cpus.end() &&
                      (limits.cpus.empty() || limits.cpus.back() <= base::kMaxCpuNumber);
  if (least > 0 && limits.swap_max_bytes == 0 && rising) return absl::OkStatus();
  return base::InternalError("a limit of 0, swap, or CPUs that do not rise");
}

absl::Status VmNotFound(const std::string& tenant) {
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kVmNotFound,
                         base::StrCat(cgroups::SliceName(tenant), " is not there"));
}

absl::Status TenantNotFound(const std::string& tenant) {
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kTenantNotFound,
                         base::StrCat(cgroups::SliceName(tenant), " is not there"));
}

}  // namespace

FakeCgroups::State FakeCgroups::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return slices_;
}

std::set<FakeCgroups::Domain> FakeCgroups::Exposed() const {
  const std::lock_guard lock(mutex_);
  return exposed_;
}

void FakeCgroups::SetLimits(const std::string& tenant, const cgroups::SliceLimits& limits) {
  const std::lock_guard lock(mutex_);
  slices_.insert_or_assign(tenant, limits);
}

void FakeCgroups::SetUsage(const std::string& tenant, const cgroups::SliceUsage& usage) {
  const std::lock_guard lock(mutex_);
  usage_.insert_or_assign(tenant, usage);
}

void FakeCgroups::SetVmMemory(const std::string& tenant, uint32_t domain_id, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  vm_memory_.insert_or_assign(Domain(tenant, domain_id), bytes);
}

absl::Status FakeCgroups::EnsureSlice(const std::string& tenant,
                                      const cgroups::SliceLimits& limits) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  FLATVM_RETURN_IF_ERROR(CheckLimits(limits));
  const std::lock_guard lock(mutex_);
  slices_.insert_or_assign(tenant, limits);
  return absl::OkStatus();
}

absl::Status FakeCgroups::RemoveSlice(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  slices_.erase(tenant);
  usage_.erase(tenant);
  return absl::OkStatus();
}

absl::StatusOr<cgroups::SliceLimits> FakeCgroups::ReadLimits(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  const auto it = slices_.find(tenant);
  if (it != slices_.end()) return it->second;
  return TenantNotFound(tenant);
}

absl::StatusOr<cgroups::SliceUsage> FakeCgroups::ReadUsage(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  if (!slices_.contains(tenant)) return TenantNotFound(tenant);
  const auto it = usage_.find(tenant);
  return it == usage_.end() ? cgroups::SliceUsage{} : it->second;
}

absl::Status FakeCgroups::ExposeToOomKiller(const std::string& tenant, uint32_t domain_id) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  if (!slices_.contains(tenant)) return VmNotFound(tenant);
  exposed_.emplace(tenant, domain_id);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> FakeCgroups::ReadVmMemory(const std::string& tenant, uint32_t domain_id) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  if (!slices_.contains(tenant)) return VmNotFound(tenant);
  const auto it = vm_memory_.find(Domain(tenant, domain_id));
  return it == vm_memory_.end() ? 0 : it->second;
}

absl::StatusOr<std::vector<std::string>> FakeCgroups::ListTenants() {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  std::vector<std::string> tenants;
  for (const auto& [tenant, limits] : slices_) tenants.push_back(tenant);
  return tenants;
}

}  // namespace flatvm::fakes
