#include "network/ipv4.h"

#include <charconv>
#include <optional>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::network {
namespace {

constexpr uint32_t kAddressBits = 32;
constexpr uint32_t kOctetBits = 8;

uint32_t MaskOf(uint32_t prefix_length) {
  // A shift by the full width is undefined, so the empty prefix is a case of its own.
  return prefix_length == 0 ? 0 : ~uint32_t{0} << (kAddressBits - prefix_length);
}

// A whole decimal number of at most `max`, without sign or leading zeros.
std::optional<uint32_t> ParseNumber(std::string_view text, uint32_t max) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

std::optional<Ipv4Address> ParseQuad(std::string_view text) {
  uint32_t value = 0;
  for (int octet = 0; octet < 4; ++octet) {
    const size_t end = octet < 3 ? text.find('.') : text.size();
    if (end == std::string_view::npos) return std::nullopt;
    const std::optional<uint32_t> number = ParseNumber(text.substr(0, end), 255);
    if (!number) return std::nullopt;
    value = (value << kOctetBits) | *number;
    text.remove_prefix(octet < 3 ? end + 1 : end);
  }
  return Ipv4Address{value};
}

}  // namespace

std::string Ipv4Address::ToString() const {
  return base::StrCat(value >> 24U, ".", (value >> 16U) & 255U, ".", (value >> 8U) & 255U, ".",
                      value & 255U);
}

std::string Ipv4Subnet::ToString() const {
  return base::StrCat(address.ToString(), "/", prefix_length);
}

std::string Ipv4Subnet::Netmask() const { return Ipv4Address{MaskOf(prefix_length)}.ToString(); }

absl::StatusOr<Ipv4Address> ParseIpv4Address(std::string_view field, std::string_view text) {
  if (const auto address = ParseQuad(text)) return *address;
  return base::FieldError(base::Reason::kFieldMalformed, field,
                          "must be an IPv4 address such as 10.213.4.2");
}

absl::StatusOr<Ipv4Subnet> ParseIpv4Subnet(std::string_view field, std::string_view text) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto address = ParseQuad(text.substr(0, slash));
    const auto prefix_length = ParseNumber(text.substr(slash + 1), kAddressBits);
    if (address && prefix_length && (address->value & ~MaskOf(*prefix_length)) == 0) {
      return Ipv4Subnet{.address = *address, .prefix_length = *prefix_length};
    }
  }
  return base::FieldError(base::Reason::kFieldMalformed, field,
                          "must be an IPv4 subnet such as 10.213.0.0/16, with no bit set after "
                          "its prefix");
}

}  // namespace flatvm::network
