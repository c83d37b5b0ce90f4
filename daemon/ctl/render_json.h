// Answers as JSON: field names are the wire contract's, states are short lower-case words, numbers
// are numbers.
#pragma once

#include <string>

#include "flatvm/v1/admin.pb.h"
#include "nlohmann/json.hpp"

namespace flatvm::ctl {

using Json = nlohmann::ordered_json;

Json VmJson(const v1::Vm& vm);
// VmJson, then domain and console_log.
Json ShownVmJson(const v1::ShowAnyVmResponse& shown);
// {"vms": […]}, as all lists of secondaries are.
Json VmListJson(const google::protobuf::RepeatedPtrField<v1::Vm>& vms);
// usage is null if it is not told.
Json TenantJson(const v1::Tenant& tenant);
// TenantJson, then excess: [{limit, limit_value, used}].
Json UpdatedTenantJson(const v1::UpdateTenantResponse& answer);
Json TrafficJson(const v1::Traffic& traffic);
// Without what ListNetworks alone tells.
Json NetworkJson(const v1::Network& network);
Json StringListJson(const google::protobuf::RepeatedPtrField<std::string>& strings);

// Indented, ASCII only, ending in a newline.
std::string DumpJson(const Json& value);

// "creating", "running", "stopped", "destroying"; "unknown" for what this program does not know.
const char* StateName(v1::VmState state);
// "running", "shut-off", "undefined"; "unknown".
const char* StateName(v1::PrimaryState state);
// "reserved", which stands for "not said" too, or "balloon"; "unknown".
const char* ProtocolName(v1::Protocol protocol);
const char* NetworkModeName(v1::NetworkMode mode);
const char* CarveModeName(v1::CarveMode mode);

// RFC 3339 in UTC; "" if the message has no time.
std::string CreatedAt(const v1::Vm& vm);
std::string CreatedAt(const v1::Tenant& tenant);

}  // namespace flatvm::ctl
