// The network of a tenant with a primary and a secondary.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "network/network_spec.h"

namespace flatvm::network {

inline Lease MakeLease(std::string hostname, std::string mac, std::string_view address) {
  return {std::move(hostname), std::move(mac), *ParseIpv4Address("test", address)};
}

inline Lease Primary() { return MakeLease("primary", "52:54:00:d5:04:02", "10.213.4.2"); }
inline Lease Web() { return MakeLease("web-1", "52:54:00:d5:04:03", "10.213.4.3"); }

inline NetworkSpec Acme() {
  return {.tenant = "acme",
          .subnet = *ParseIpv4Subnet("test", "10.213.4.0/24"),
          .leases = {Primary(), Web()}};
}

}  // namespace flatvm::network
