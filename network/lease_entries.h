// The entries of machines in a live libvirt network: DHCP hosts, and names for IPv6 addresses.
// Private to the room.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/base/log.h"
#include "network/host_network.h"
#include "network/network_xml.h"

struct _virNetwork;  // virNetwork of libvirt's

namespace flatvm::network {

// A live network of flatvm's with what it is now.
struct LiveNetwork {
  std::shared_ptr<_virNetwork> handle;  // a NetworkPtr
  NetworkDescription description;
};

// Each blocks on libvirtd, and keeps `live`'s description up to date. Errors: as libvirt::LastError
// has them.

// Whether its DHCP host is there.
bool HasEntry(const LiveNetwork& live, const Lease& lease);
// Adds what of it is not there: the DHCP host, and the name. An earlier time may have been cut
// short between the two.
absl::Status EnsureEntry(LiveNetwork& live, const Lease& lease);
// OK for a part of it that is not there. Has dnsmasq forget the lease, too, as Release.
absl::Status RemoveEntry(LiveNetwork& live, const Lease& lease, HostNetwork& host,
                         base::Logger& log);
// Removes entries that nobody asked for, then adds what is missing: a name or address may have
// changed hands.
absl::Status AlignLeases(LiveNetwork& live, const std::vector<Lease>& wanted, HostNetwork& host,
                         base::Logger& log);
// Makes dnsmasq forget what it may have given out for `lease`. Does not wait for libvirt's list to
// show it: a helper of dnsmasq's writes that, once for each change and machine.
absl::Status Release(const LiveNetwork& live, const Lease& lease, HostNetwork& host);
// Makes a DHCP entry what it is already: libvirt tells its dnsmasq, and starts one that is not
// there.
absl::Status TouchEntry(_virNetwork* network, const NetworkId& id, const Lease& lease);

}  // namespace flatvm::network
