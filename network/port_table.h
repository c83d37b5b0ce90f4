// Which machine is at which port, in flatvm's nftables table of family bridge.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "network/ipv4.h"
#include "network/nft_ports.h"
#include "network/nft_rules.h"
#include "network/nft_table.h"

namespace flatvm::network {

// Remembers what it has put there, to put it back. Thread-compatible; blocks on the kernel. Errors
// of every call: INTERNAL.
class PortTable {
 public:
  explicit PortTable(NftTable& nft) : nft_(nft) {}

  // `bindings`, of one tenant, in the place of those that `network`, a libvirt network's name, had.
  // What a port drops is counted at `subnet`, the tenant's.
  absl::Status Bind(const std::string& network, const Ipv4Subnet& subnet,
                    std::set<PortBinding> bindings);
  // Without any.
  absl::Status Forget(const std::string& network);

  // Without those by which an earlier flatvmd has ports count at `subnet`.
  absl::Status ForgetOthers(const Ipv4Subnet& subnet);

  // For when the table may have been flushed. What is not known here stays until KnowsAll, such as
  // the bindings of an earlier flatvmd, and goes from then on.
  absl::Status Restore();
  void KnowsAll() { others_ = Others::kGo; }

 private:
  struct Network {
    Ipv4Subnet subnet;
    std::set<PortBinding> bindings;
  };

  // Those of `after` for those of `before`.
  absl::Status Replace(const Network& before, const Network& after);

  NftTable& nft_;
  Others others_ = Others::kStay;
  std::map<std::string, Network> networks_;  // by name
};

}  // namespace flatvm::network
