// IPv4 addresses and subnets as numbers, parsed strictly.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace flatvm::network {

struct Ipv4Address {
  uint32_t value = 0;  // host byte order
  auto operator<=>(const Ipv4Address&) const = default;
  std::string ToString() const;  // dotted quad
};

// `address` has no bit set below the prefix.
struct Ipv4Subnet {
  Ipv4Address address;
  uint32_t prefix_length = 0;  // 0..32
  auto operator<=>(const Ipv4Subnet&) const = default;

  std::string ToString() const;  // "10.213.4.0/24"
  std::string Netmask() const;   // "255.255.255.0"
  uint64_t size() const { return uint64_t{1} << (32U - prefix_length); }
  // In the header for network/guard, which links nothing of this folder.
  bool Contains(Ipv4Address other) const {
    return other.value - address.value < size() && other.value >= address.value;
  }
  Ipv4Address Gateway() const { return {address.value + 1}; }  // first usable
};

// Whole dotted quad, no leading zeros. Errors: INVALID_ARGUMENT / kFieldMalformed naming `field`.
absl::StatusOr<Ipv4Address> ParseIpv4Address(std::string_view field, std::string_view text);
// "a.b.c.d/n" with no host bits. Errors: as above.
absl::StatusOr<Ipv4Subnet> ParseIpv4Subnet(std::string_view field, std::string_view text);

}  // namespace flatvm::network
