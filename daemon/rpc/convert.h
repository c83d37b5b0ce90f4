// Between the broker's plain data and the wire's messages. Pure; every enum pair is held together
// at compile time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/directory.h"
#include "daemon/broker/records.h"
#include "flatvm/v1/types.pb.h"
#include "flatvm/v1/volumes.pb.h"

namespace flatvm::rpc {

enum class Audience {
  kPrimary,  // sees nothing of the host: no domain, slice or network name
  kOperator,
};

void FillTime(std::chrono::system_clock::time_point time, google::protobuf::Timestamp* timestamp);
void FillVm(const broker::VmRecord& record, v1::Vm* vm);
void FillVolume(const broker::VolumeView& view, v1::Volume* volume);
// A network of `tenant`'s, without what is counted there.
void FillNetwork(const std::string& tenant, const broker::NetworkRecord& record, Audience audience,
                 v1::Network* network);
void FillNetwork(const std::string& tenant, const broker::NetworkView& view, v1::Network* network);
// All NICs; of a create that was only validated their networks.
void FillNics(const broker::VmRecord& record, v1::Vm* vm);
// What a tenant's networks are to be.
void FillNetworks(const broker::TenantRecord& record, Audience audience, v1::Tenant* tenant);
void FillTraffic(const network::Traffic& from, v1::Traffic* to);
void FillTenant(const broker::TenantView& view, Audience audience, v1::Tenant* tenant);

broker::Mode ModeOf(bool validate_only);
broker::DiskFate FateOf(bool return_disk);
broker::VmSpec SpecOf(const v1::VmSpec& spec);
broker::Resources ResourcesOf(const v1::Resources& resources);
cgroups::IoLimits IoOf(const v1::IoLimits& io);
network::Ceilings CeilingsOf(const v1::NetworkLimits& net);
// UNSPECIFIED: kNat. Errors: INVALID_ARGUMENT naming `field` if it is none of this version's.
absl::StatusOr<network::NetworkMode> NetworkModeOf(v1::NetworkMode mode,
                                                   const char* field = "network_mode");
// Errors: INVALID_ARGUMENT naming a field of "forwards".
absl::StatusOr<std::vector<network::PortForward>> ForwardsOf(
    const google::protobuf::RepeatedPtrField<v1::PortForward>& forwards);
// Errors: INVALID_ARGUMENT naming "carve.mode" if it is none of this version's.
absl::StatusOr<broker::Carve> CarveOf(const v1::Carve& carve);
// Errors: INVALID_ARGUMENT naming "cpus".
absl::StatusOr<std::vector<uint32_t>> CpusOf(const std::string& cpus);

// What travels beside a failed call's code and text.
v1::ErrorDetail DetailOf(const absl::Status& status, const std::string& request_id);

}  // namespace flatvm::rpc
