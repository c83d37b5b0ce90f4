// The text of what flatvm's nftables table has of tenants, built from numbers and checked names
// only. Pure; nft_table.h runs it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

// INVALID_ARGUMENT / kFieldMalformed naming `field` unless `name` is 1..15 of [A-Za-z0-9_.@-]
// (narrower than the kernel's rule, so that it can stand between quotes and in a path) and not "."
// or "..".
absl::Status CheckInterfaceName(std::string_view field, std::string_view name);

// A tenant as the table knows it.
struct TenantRules {
  Ipv4Subnet subnet;
  NetworkMode mode = NetworkMode::kNat;
  Ipv4Address primary;  // who alone leaves in kViaPrimary
  std::optional<Ipv6Prefix> prefix = std::nullopt;
};

// What a table has of tenants that are not among those that are given. They stay while a new
// flatvmd does not know yet whose they are.
enum class Others { kStay, kGo };

// The table as it is to be with these tenants, whatever somebody else made of it: base ruleset and
// elements; counters stay.
std::string BuildRestore(const std::vector<std::string>& uplinks,
                         const std::vector<TenantRules>& tenants, Others others = Others::kGo);

// The same without counting on anything that is there: the table is deleted first, counters too.
std::string BuildAnew(const std::vector<std::string>& uplinks,
                      const std::vector<TenantRules>& tenants);

// Adds the tenant's elements, and removes those of another mode; harmless if it is so already. Run
// after the base ruleset, same transaction.
std::string BuildAddTenant(const TenantRules& tenant);

// Removes them; harmless if they, or the table, are not there.
std::string BuildRemoveTenant(const TenantRules& tenant);

// Lists the tenant's counters; fails if they, or the table, are not there.
std::string BuildListCounters(const Ipv4Subnet& subnet);
// What such a listing says; what it does not say is 0.
Traffic ParseCounters(std::string_view listing, const Ipv4Subnet& subnet);

}  // namespace flatvm::network
