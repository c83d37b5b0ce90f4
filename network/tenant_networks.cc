#include "network/tenant_networks.h"

#include <algorithm>
#include <cstdio>

#include "daemon/base/str_cat.h"
#include "network/address_pool.h"

namespace flatvm::network {

std::string NetworkName(const NetworkId& id) {
  return id.IsFirst() ? base::StrCat("flatvm-", id.tenant)
                      : base::StrCat("flatvm-", id.tenant, ".", id.network);
}

std::string DnsDomain(const NetworkId& id) {
  return base::StrCat(id.IsFirst() ? "" : base::StrCat(id.network, "."), id.tenant, ".internal");
}

std::string BridgeName(const Ipv4Subnet& subnet) {
  char text[sizeof("fv-00000000")];
  std::snprintf(text, sizeof(text), "fv-%08x", subnet.address.value);
  return text;
}

Ipv6Address LinkLocalGateway(const Ipv4Subnet& subnet) {
  return AddressOf(kLinkLocal, MacFor(subnet.Gateway()));
}

const Lease* FindPrimary(const std::vector<Lease>& leases) {
  const auto found = std::find_if(leases.begin(), leases.end(), [](const Lease& lease) {
    return lease.hostname == kPrimaryHostname;
  });
  return found == leases.end() ? nullptr : &*found;
}

}  // namespace flatvm::network
