#include "network/ipv6.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/ports.h"

namespace flatvm::network {
namespace {

constexpr uint8_t kUniqueLocal = 0xFD;  // RFC 4193, with the bit "locally assigned"

// The first N bytes of the subnet that `text` names; nullopt unless it is a subnet of just so many.
template <size_t N>
std::optional<std::array<uint8_t, N>> ParseSubnet(std::string_view text) {
  constexpr size_t kBitsInByte = 8;
  const std::string suffix = base::StrCat("/", N * kBitsInByte);
  if (!text.ends_with(suffix)) return std::nullopt;
  text.remove_suffix(suffix.size());
  in6_addr address{};
  if (::inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1) return std::nullopt;
  const auto* const bytes = &address.s6_addr[0];
  if (std::any_of(bytes + N, bytes + sizeof(address), [](uint8_t byte) { return byte != 0; })) {
    return std::nullopt;
  }
  std::array<uint8_t, N> first{};
  std::copy_n(bytes, N, first.begin());
  return first;
}

template <size_t N>
Ipv6Address BeginOf(const std::array<uint8_t, N>& bytes) {
  Ipv6Address address;
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

}  // namespace

std::string Ipv6Address::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

std::string Ipv6Prefix::ToString() const { return base::StrCat(BeginOf(bytes).ToString(), "/64"); }

std::string Ipv6Pool::ToString() const { return base::StrCat(BeginOf(bytes).ToString(), "/40"); }

Ipv6Prefix Ipv6Pool::PrefixOf(const Ipv4Subnet& subnet) const {
  const uint32_t value = subnet.address.value;
  return Ipv6Prefix{{bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                     static_cast<uint8_t>(value >> 16U), static_cast<uint8_t>(value >> 8U),
                     static_cast<uint8_t>(value)}};
}

bool Ipv6Pool::Contains(const Ipv6Prefix& prefix) const {
  return std::equal(bytes.begin(), bytes.end(), prefix.bytes.begin());
}

Ipv6Address AddressOf(const Ipv6Prefix& prefix, const std::string& mac) {
  return AddressOf(prefix, BytesOfMac(mac));
}

absl::StatusOr<Ipv6Address> ParseIpv6Address(std::string_view field, std::string_view text) {
  Ipv6Address address;
  if (::inet_pton(AF_INET6, std::string(text).c_str(), address.bytes.data()) == 1) return address;
  return base::FieldError(base::Reason::kFieldMalformed, field,
                          "must be an IPv6 address such as fd12:3456:78d5:400::1");
}

absl::StatusOr<Ipv6Prefix> ParseIpv6Prefix(std::string_view field, std::string_view text) {
  if (const auto bytes = ParseSubnet<8>(text)) return Ipv6Prefix{*bytes};
  return base::FieldError(base::Reason::kFieldMalformed, field,
                          "must be an IPv6 subnet such as fd12:3456:78d5:400::/64");
}

absl::StatusOr<Ipv6Pool> ParseIpv6Pool(std::string_view field, std::string_view text) {
  const auto bytes = ParseSubnet<5>(text);
  if (bytes && bytes->front() == kUniqueLocal) return Ipv6Pool{*bytes};
  return base::FieldError(base::Reason::kFieldMalformed, field,
                          "must be a /40 of unique local addresses, such as fd12:3456:7800::/40, "
                          "with no bit set after its prefix");
}

}  // namespace flatvm::network
