// Answers as text for a person: aligned tables, nothing that could steer the terminal.
#pragma once

#include <string>

#include "flatvm/v1/admin.pb.h"

namespace flatvm::ctl {

// A line a secondary, or the sentence that there is none.
std::string VmTable(const google::protobuf::RepeatedPtrField<v1::Vm>& vms);

// One secondary, a line a property.
std::string VmDetails(const v1::ShowAnyVmResponse& shown);

// A line a tenant with used/limit of each amount, or the sentence that there is none.
std::string TenantTable(const google::protobuf::RepeatedPtrField<v1::Tenant>& tenants);

// One tenant, a line a property, and the table of its limits.
std::string TenantDetails(const v1::Tenant& tenant);

// "vsock, partition and nic"; "" for none.
std::string JoinWords(const google::protobuf::RepeatedPtrField<std::string>& words);

}  // namespace flatvm::ctl
