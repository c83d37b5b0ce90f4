// Bridges that are not flatvm's, by netlink: whether one is there, and which VLANs a port of it is
// in. What bridge(8) calls "vlan".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "network/netlink/message.h"

namespace flatvm::network {

enum class BridgeKind {
  kAbsent,        // no interface of that name
  kNoBridge,      // something else
  kPlain,         // a bridge; frames go on whatever VLAN they are of
  kFiltersVlans,  // one with vlan_filtering
};

// What `message`, of RTM_NEWLINK, is.
BridgeKind ReadBridgeKind(const netlink::Received& message);

// In the calling thread's network namespace, as what is below. Errors: INTERNAL.
absl::StatusOr<BridgeKind> FindBridge(const std::string& name);

// A VLAN of a port, with BRIDGE_VLAN_INFO_PVID and its like.
struct PortVlan {
  uint16_t id = 0;
  uint16_t flags = 0;
  bool operator==(const PortVlan&) const = default;
};

// Of the port with this index. Errors: INTERNAL.
absl::StatusOr<std::vector<PortVlan>> ListVlans(uint32_t port);

// Whether `vlans` are just this one, by which frames come in and go out untagged.
bool IsOnlyVlan(const std::vector<PortVlan>& vlans, uint32_t vlan);

// Makes it so: `vlan`, 1..4094, is the port's, before it loses others. Needs CAP_NET_ADMIN. Errors:
// INTERNAL.
absl::Status EnsureOnlyVlan(uint32_t port, uint32_t vlan);

}  // namespace flatvm::network
