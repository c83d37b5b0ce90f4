#include "network/port_table.h"

#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/nft_base_ruleset.h"

namespace flatvm::network {

absl::Status PortTable::Bind(const std::string& network, const Ipv4Subnet& subnet,
                             std::set<PortBinding> bindings) {
  const auto [known, added] = networks_.try_emplace(network, Network{.subnet = subnet});
  if (!added && known->second.bindings == bindings) return absl::OkStatus();
  const Network before =
      std::exchange(known->second, {.subnet = subnet, .bindings = std::move(bindings)});
  return Replace(before, known->second);
}

absl::Status PortTable::Forget(const std::string& network) {
  const auto known = networks_.extract(network);
  if (known.empty()) return absl::OkStatus();
  return Replace(known.mapped(), {.subnet = known.mapped().subnet});
}

absl::Status PortTable::Replace(const Network& before, const Network& after) {
  std::string commands = BuildPortBase() + BuildAddPortCounters(after.subnet);
  for (const PortBinding& old : before.bindings) {
    if (!after.bindings.contains(old)) commands += BuildUnbindPort(old);
  }
  for (const PortBinding& binding : after.bindings) {
    if (!before.bindings.contains(binding)) commands += BuildBindPort(binding);
  }
  if (nft_.Run(commands).ok()) return absl::OkStatus();
  return Restore();  // what was to be unbound was not there any more
}

absl::Status PortTable::ForgetOthers(const Ipv4Subnet& subnet) {
  FLATVM_ASSIGN_OR_RETURN(const std::string listing, nft_.Ask(BuildListBoundPorts()));
  std::string commands;
  for (const std::string& port : ParseBoundPorts(listing, subnet)) {
    commands += BuildStopCounting(port);
  }
  return commands.empty() ? absl::OkStatus() : nft_.Run(commands);
}

absl::Status PortTable::Restore() {
  std::string commands = BuildPortBase();
  if (others_ == Others::kGo) commands += BuildUnbindAllPorts();
  for (const auto& [name, network] : networks_) {
    commands += BuildAddPortCounters(network.subnet);
    for (const PortBinding& binding : network.bindings) commands += BuildBindPort(binding);
  }
  if (nft_.Run(commands).ok()) return absl::OkStatus();
  return nft_.Run(base::StrCat("add table bridge ", kNftTable, "\ndelete table bridge ", kNftTable,
                               "\n", commands));
}

}  // namespace flatvm::network
