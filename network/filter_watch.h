// Listens to the kernel for changes to nftables, and has the tenants' filter put back when somebody
// else changed it: a firewall that is reloaded, an `nft flush ruleset`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/base/log.h"
#include "network/kernel_network.h"
#include "network/netlink/group_watch.h"
#include "network/nft_changes.h"
#include "network/nft_table.h"

namespace flatvm::network {

// Has a thread of its own from Start until it goes.
class FilterWatch final : private netlink::GroupListener {
 public:
  // Watches the network namespace of the calling thread; what changes from here on is seen. Both
  // outlive this. Needs CAP_NET_ADMIN. Errors: INTERNAL.
  static absl::StatusOr<std::unique_ptr<FilterWatch>> Start(KernelNetwork& network,
                                                            base::Logger& log);

 private:
  FilterWatch(KernelNetwork& network, base::Logger& log) : network_(network), log_(log) {}
  void Take(std::string_view datagram) override;
  void Lost() override;
  void Settle() override;

  KernelNetwork& network_;
  base::Logger& log_;
  NftChanges changes_{kOwnThreadName};
  std::optional<std::string> author_;           // of a change that was not undone yet
  std::unique_ptr<netlink::GroupWatch> watch_;  // last: its thread uses the rest
};

}  // namespace flatvm::network
