// What a network's dnsmasq is told, as the texts of its files: pure. Source: dnsmasq(8), 2.90.
#pragma once

#include <string>
#include <vector>

#include "network/network_spec.h"

namespace flatvm::network {

// Names of the files, all in one folder.
inline constexpr char kConfigFile[] = "dnsmasq.conf";
inline constexpr char kHostsFile[] = "hosts";
inline constexpr char kNamesFile[] = "names";
inline constexpr char kResolversFile[] = "resolv.conf";

// The configuration of the one that serves `spec`, which has passed CheckNetworkSpec, and whose
// other files are in `folder`. The same for whatever leases it has, but for the primary's of
// kViaPrimary.
std::string BuildDnsmasqConfig(const NetworkSpec& spec, const std::string& folder);

// Its DHCP hosts: a line each, of MAC, address and qualified name. Read anew at SIGHUP.
std::string BuildDhcpHosts(const NetworkSpec& spec);

// Its names, as hosts(5) has them: each machine's address, and the one in the prefix. Read anew at
// SIGHUP.
std::string BuildNames(const NetworkSpec& spec);

// Whether it asks the host's resolvers for what it does not know itself.
bool AsksResolvers(const NetworkSpec& spec);

// The configuration of the one that advertises the prefixes of all networks, as the addresses of
// their bridges have them.
std::string BuildAdvertiserConfig();

}  // namespace flatvm::network
