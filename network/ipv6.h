// IPv6 addresses of tenants' machines, which follow from numbers that are there anyway: the /64 of
// a tenant from its IPv4 subnet, a machine's address from its MAC. Why so: ADR 16.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "network/ipv4.h"

namespace flatvm::network {

struct Ipv6Address {
  std::array<uint8_t, 16> bytes{};  // network byte order
  auto operator<=>(const Ipv6Address&) const = default;
  std::string ToString() const;  // RFC 5952
};

// A tenant's network, a /64.
struct Ipv6Prefix {
  std::array<uint8_t, 8> bytes{};
  auto operator<=>(const Ipv6Prefix&) const = default;

  std::string ToString() const;  // "fd12:3456:78d5:400::/64"
  // ::1 of it, which is no machine's: no MAC makes such bytes.
  Ipv6Address Gateway() const {
    Ipv6Address address;
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    address.bytes.back() = 1;
    return address;
  }
};

// What tenants' prefixes are cut from: unique local addresses (RFC 4193), a /40, as the other 24
// bits of a prefix are the subnet's.
struct Ipv6Pool {
  std::array<uint8_t, 5> bytes{};  // the first is 0xFD
  auto operator<=>(const Ipv6Pool&) const = default;

  std::string ToString() const;  // "fd12:3456:7800::/40"
  // The low 24 bits of the subnet's address stand behind the pool's, as in its machines' MACs: no
  // two subnets of a pool of /8 or smaller share a prefix.
  Ipv6Prefix PrefixOf(const Ipv4Subnet& subnet) const;
  bool Contains(const Ipv6Prefix& prefix) const;
};

// Of what has this hardware address, by its modified EUI-64 (RFC 4291, appendix A).
inline Ipv6Address AddressOf(const Ipv6Prefix& prefix, const std::array<uint8_t, 6>& mac) {
  constexpr uint8_t kUniversal = 0x02;
  const auto& p = prefix.bytes;
  return Ipv6Address{{p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7],
                      static_cast<uint8_t>(mac[0] ^ kUniversal), mac[1], mac[2], 0xFF, 0xFE, mac[3],
                      mac[4], mac[5]}};
}

// The same; `mac` as CheckLease has it.
Ipv6Address AddressOf(const Ipv6Prefix& prefix, const std::string& mac);

inline constexpr Ipv6Prefix kLinkLocal{{0xFE, 0x80}};

// Errors: INVALID_ARGUMENT / kFieldMalformed naming `field`.
absl::StatusOr<Ipv6Address> ParseIpv6Address(std::string_view field, std::string_view text);
absl::StatusOr<Ipv6Prefix> ParseIpv6Prefix(std::string_view field, std::string_view text);
absl::StatusOr<Ipv6Pool> ParseIpv6Pool(std::string_view field, std::string_view text);

}  // namespace flatvm::network
