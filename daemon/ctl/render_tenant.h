// Tenants as text for a person: aligned, nothing that could steer the terminal.
#pragma once

#include <string>

#include "flatvm/v1/admin.pb.h"

namespace flatvm::ctl {

// A line a tenant with used/limit of each amount, or the sentence that there is none.
std::string TenantTable(const google::protobuf::RepeatedPtrField<v1::Tenant>& tenants);

// One tenant, a line a property, its limits, and its usage if that is told.
std::string TenantDetails(const v1::Tenant& tenant);

// The table of limit, used and left, and a line each for all that is limited otherwise.
std::string TenantLimits(const v1::Tenant& tenant);

// What became of a `tenant set`: limits as they are, or would be, and what of them is below what is
// in use.
std::string UpdatedTenant(const v1::UpdateTenantRequest& request,
                          const v1::UpdateTenantResponse& answer);

// " with 2 secondaries and 1 volume"; "" for none. A preview counts nothing.
std::string RemovedWithIt(const v1::RemoveTenantResponse& answer);

}  // namespace flatvm::ctl
