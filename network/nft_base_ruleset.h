// The text of flatvm's nftables table as it is for all tenants, built from checked names only.
// Pure.
#pragma once

#include <string>
#include <vector>

namespace flatvm::network {

// The one table, family inet. Tenants' bridges are matched by the prefix that BridgeName gives
// them, so a bridge that has no elements (yet) is shut, not open. What differs from tenant to
// tenant is in sets that are keyed by bridge. Rules that are keyed by a machine's tap belong in a
// table of the bridge family, beside this one.
inline constexpr char kNftTable[] = "flatvm";

// The table and its sets and maps, empty; harmless where they are.
std::string BuildTableAndSets();

// Makes table, sets, counters and chains, or brings them up to date, in one transaction: chains are
// refilled, tenants' elements and counters stay. `uplinks` (checked names; may be empty: no way
// out) are the interfaces that tenants' traffic leaves by.
std::string BuildBaseRuleset(const std::vector<std::string>& uplinks);

}  // namespace flatvm::network
