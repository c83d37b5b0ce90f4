// The host's own kernel: nftables, IPv4 forwarding, bridges, and DHCP releases.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/log.h"
#include "network/host_network.h"
#include "network/nft_table.h"

namespace flatvm::network {

// Acts in the network namespace of the calling thread. Remembers the tenants whose filter was
// ensured, to restore it by. Needs CAP_NET_ADMIN, CAP_NET_RAW and a writable /proc/sys.
class KernelNetwork final : public HostNetwork {
 public:
  // `uplink`: an interface, or "auto" for the default routes', found out anew by every
  // EnsureFilter.
  KernelNetwork(std::string uplink, base::Logger& log) : uplink_(std::move(uplink)), log_(log) {}

  absl::Status EnsureFilter(const Ipv4Subnet& subnet) override;
  absl::Status RemoveFilter(const Ipv4Subnet& subnet) override;
  absl::StatusOr<BridgeState> GetBridgeState(const std::string& bridge) override;
  absl::Status ReleaseLease(const std::string& bridge, Ipv4Address gateway,
                            const Lease& lease) override;

  // Makes the whole filter what it was: for when somebody else changed it, or the uplinks did. One
  // transaction. The number of tenants that it is for; with none it touches nothing. Errors:
  // INTERNAL.
  absl::StatusOr<size_t> RestoreFilter();

 private:
  // With mutex_ held. Errors: INTERNAL. That there is none any more is logged.
  absl::StatusOr<std::vector<std::string>> Uplinks();

  const std::string uplink_;
  base::Logger& log_;
  NftTable nft_;
  std::mutex mutex_;              // guards what is below, and is held while the kernel acts on it
  std::set<Ipv4Subnet> tenants_;  // those with a filter
  bool has_uplink_ = true;        // when it was looked for last
};

}  // namespace flatvm::network
