// The text of flatvm's second nftables table, of family bridge: what machines may send by their
// ports, as the guard's programs there have it, once more by the firewall. Everything is keyed by
// port. One with the name of a machine's (base::TapName) is shut until it is bound, both ways; any
// other that is not bound is not looked at. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "network/tenant_networks.h"

namespace flatvm::network {

// A machine at its port; names and addresses were checked.
struct PortBinding {
  std::string port;  // the interface's name; it need not be there yet
  std::string mac;
  Ipv4Address address;
  Ipv4Subnet subnet;  // the tenant's
  Ipv6Address link_local;
  std::optional<Ipv6Address> address6;  // beside that; nullopt: none
  bool routes = false;    // its siblings' router: also sends what comes from outside the subnet
  bool anywhere = false;  // on an operator's bridge: which addresses it has is not known
  auto operator<=>(const PortBinding&) const = default;
};

// Table, sets and chains, or brings them up to date; elements and counts stay.
std::string BuildPortBase();
// The rest goes behind that, in the same transaction.
std::string BuildAddPortCounters(const Ipv4Subnet& subnet);  // before the first binding of a tenant
std::string BuildBindPort(const PortBinding& binding);
std::string BuildUnbindPort(const PortBinding& binding);  // fails if it is not bound
std::string BuildUnbindAllPorts();

// Lists which port counts where, for ParseBoundPorts: those that count at `subnet`.
std::string BuildListBoundPorts();
std::vector<std::string> ParseBoundPorts(std::string_view listing, const Ipv4Subnet& subnet);
// Shuts a port that is bound, so that its tenant's counters can go. What else is kept of it goes
// with BuildUnbindAllPorts.
std::string BuildStopCounting(const std::string& port);

// Removes the tenant's counters, which no port of it may be bound to any more.
std::string BuildRemovePortCounters(const Ipv4Subnet& subnet);

// Lists them, for ParseCounters.
std::string BuildListPortCounters(const Ipv4Subnet& subnet);

}  // namespace flatvm::network
