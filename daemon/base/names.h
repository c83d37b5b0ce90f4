// Names that guests and operators choose: one rule for tenants, secondaries and images.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace flatvm::base {

constexpr size_t kMaxNameLength = 40;
constexpr size_t kMaxRequestIdLength = 64;

// True for [a-z0-9-]{1,40} that neither begins nor ends with '-'.
bool IsName(std::string_view text);

// INVALID_ARGUMENT (kFieldMissing, kFieldMalformed) naming `field` unless IsName(text).
absl::Status CheckName(std::string_view field, std::string_view text);

// INVALID_ARGUMENT naming "request_id" unless [A-Za-z0-9_.-]{0,64}; empty is allowed and means
// none.
absl::Status CheckRequestId(std::string_view text);

// True for a lower-case UUID, 8-4-4-4-12 hexadecimal digits.
bool IsUuid(std::string_view text);

// A name as one component of a systemd unit name: '-' would start a child slice, so it becomes
// "\x2d", as libvirt writes it too (systemd.unit(5), "String escaping for inclusion in unit
// names").
std::string EscapeUnitComponent(std::string_view name);

// Name of the host's end of the NIC with this hardware address, six lower-case hexadecimal pairs:
// "fv" and its digits, within the kernel's 15 bytes. The one thing by which a port is known: the
// host end's own address is udev's to change (systemd.link(5), MACAddressPolicy=).
std::string TapName(std::string_view mac);

}  // namespace flatvm::base
