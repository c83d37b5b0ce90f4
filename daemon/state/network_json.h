// What a tenant's record says of its networks, and a secondary's of its NICs. Private to the room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/broker/records.h"
#include "daemon/state/field_reader.h"
#include "daemon/state/record_fields.h"

namespace flatvm::state {

std::string NetworkModeText(network::NetworkMode mode);
Json ForwardsJson(const std::vector<network::PortForward>& forwards);

Json CeilingsJson(const network::Ceilings& ceilings);
Json NetworksJson(const std::vector<broker::NetworkRecord>& networks);

// Of the fields "network_mode", "forwards", "net" and "networks", which an older flatvm did not
// write: it had kNat and none. What is wrong is kept by `reader`.
network::NetworkMode ReadNetworkMode(FieldReader& reader);
// Of the field "ipv6_prefix"; nullopt, and nothing wrong, if it is missing or empty.
std::optional<network::Ipv6Prefix> ReadPrefix(FieldReader& reader);
std::vector<network::PortForward> ReadForwards(FieldReader& reader);
network::Ceilings ReadCeilings(FieldReader& reader);
std::vector<broker::NetworkRecord> ReadNetworks(FieldReader& reader);

Json NicsJson(const std::vector<broker::NicRecord>& nics);
// Of the field "nics", which an older flatvm did not write: it had none.
std::vector<broker::NicRecord> ReadNics(FieldReader& reader);
// Of the field "address".
network::Ipv4Address ReadIpv4Address(FieldReader& reader);
// Of the field "ipv6_address"; nullopt, and nothing wrong, if it is missing or empty.
std::optional<network::Ipv6Address> ReadIpv6Address(FieldReader& reader);

}  // namespace flatvm::state
