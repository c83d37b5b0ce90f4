// Pure bookkeeping: which subnet a tenant has and which address a machine in it.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "network/ipv4.h"
#include "network/ipv6.h"

namespace flatvm::network {

// Cuts a pool into equal subnets. Thread-compatible.
class SubnetPool {
 public:
  // `prefix_length` is the subnets'; pool.prefix_length <= prefix_length <= 29.
  // `ipv6`: where the IPv6 prefixes of subnets come from; nullopt: they have none.
  SubnetPool(Ipv4Subnet pool, uint32_t prefix_length, std::optional<Ipv6Pool> ipv6 = std::nullopt)
      : pool_(pool), prefix_length_(prefix_length), ipv6_(ipv6) {}

  // The lowest free subnet. Errors: RESOURCE_EXHAUSTED / kSubnetPoolEmpty.
  absl::StatusOr<Ipv4Subnet> FindFree() const;
  // Takes that one. Errors: as FindFree's.
  absl::StatusOr<Ipv4Subnet> Allocate();
  // Marks one as taken (from a record). It may be of another size than new ones, since the operator
  // may have changed the setting. Errors: ALREADY_EXISTS if it overlaps a taken one;
  // INVALID_ARGUMENT / kFieldOutOfRange if it is not in the pool.
  absl::Status Take(const Ipv4Subnet& subnet);
  // That of a new tenant's network.
  std::optional<Ipv6Prefix> PrefixOf(const Ipv4Subnet& subnet) const {
    return ipv6_ ? std::optional(ipv6_->PrefixOf(subnet)) : std::nullopt;
  }
  // Removes; does nothing if it was not taken.
  void Remove(const Ipv4Subnet& subnet) { taken_.erase(subnet); }

 private:
  const Ipv4Subnet pool_;
  const uint32_t prefix_length_;
  const std::optional<Ipv6Pool> ipv6_;
  std::set<Ipv4Subnet> taken_;
};

// Addresses of one subnet: .0 and the last are nobody's, the first is the gateway's.
// Thread-compatible.
class AddressPool {
 public:
  explicit AddressPool(Ipv4Subnet subnet) : subnet_(subnet) {}

  // The lowest address not taken. Errors: RESOURCE_EXHAUSTED / kSubnetFull.
  absl::StatusOr<Ipv4Address> Allocate();
  // Marks one as taken. Errors: ALREADY_EXISTS; INVALID_ARGUMENT / kFieldOutOfRange if it is not in
  // the subnet or reserved.
  absl::Status Take(Ipv4Address address);
  void Remove(Ipv4Address address) { taken_.erase(address); }
  const Ipv4Subnet& subnet() const { return subnet_; }

 private:
  Ipv4Subnet subnet_;
  std::set<Ipv4Address> taken_;
};

// A locally administered MAC address for `address`: "52:54:00" (QEMU's) + the address's low 24
// bits. Unique among all subnets of a pool of /8 or smaller, so two machines of this host never
// share one.
std::string MacFor(Ipv4Address address);

}  // namespace flatvm::network
