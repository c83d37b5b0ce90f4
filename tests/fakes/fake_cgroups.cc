#include "tests/fakes/fake_cgroups.h"

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::fakes {
namespace {

absl::Status CheckTenant(const std::string& tenant) {
  return base::IsName(tenant) ? absl::OkStatus() : base::InternalError("not a tenant's name");
}

}  // namespace

FakeCgroups::State FakeCgroups::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return slices_;
}

absl::Status FakeCgroups::EnsureSlice(const std::string& tenant,
                                      const cgroups::SliceLimits& limits) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  if (limits.memory_max_bytes == 0 || limits.cpu_percent == 0 || limits.tasks_max == 0) {
    return base::InternalError("a limit of 0");
  }
  const std::lock_guard lock(mutex_);
  slices_.insert_or_assign(tenant, limits);
  return absl::OkStatus();
}

absl::Status FakeCgroups::RemoveSlice(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  slices_.erase(tenant);
  return absl::OkStatus();
}

absl::StatusOr<cgroups::SliceLimits> FakeCgroups::ReadLimits(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  const auto it = slices_.find(tenant);
  if (it != slices_.end()) return it->second;
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kTenantNotFound,
                         base::StrCat(cgroups::SliceName(tenant), " is not there"));
}

absl::StatusOr<std::vector<std::string>> FakeCgroups::ListTenants() {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  std::vector<std::string> tenants;
  for (const auto& [tenant, limits] : slices_) tenants.push_back(tenant);
  return tenants;
}

}  // namespace flatvm::fakes
