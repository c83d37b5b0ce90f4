// What a tenant's record says of its network. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "daemon/broker/records.h"
#include "daemon/state/field_reader.h"
#include "daemon/state/record_fields.h"

namespace flatvm::state {

std::string NetworkModeText(network::NetworkMode mode);
Json ForwardsJson(const std::vector<network::PortForward>& forwards);

Json CeilingsJson(const network::Ceilings& ceilings);

// Of the fields "network_mode", "forwards" and "net", which an older flatvm did not write: it had
// kNat and none. What is wrong is kept by `reader`.
network::NetworkMode ReadNetworkMode(FieldReader& reader);
std::vector<network::PortForward> ReadForwards(FieldReader& reader);
network::Ceilings ReadCeilings(FieldReader& reader);

}  // namespace flatvm::state
