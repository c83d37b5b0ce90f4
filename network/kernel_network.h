// The host's own kernel: nftables, IPv4 forwarding, bridges, and DHCP releases.
#pragma once

#include <string>

#include "daemon/base/log.h"
#include "network/host_network.h"
#include "network/nft_table.h"

namespace flatvm::network {

// Acts in the network namespace of the calling thread. Needs CAP_NET_ADMIN, CAP_NET_RAW and a
// writable /proc/sys.
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

 private:
  const std::string uplink_;
  base::Logger& log_;
  NftTable nft_;
};

}  // namespace flatvm::network
