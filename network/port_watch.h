// Listens to the kernel for ports that come to bridges, and has them guarded.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/base/log.h"
#include "network/kernel_network.h"
#include "network/netlink/group_watch.h"

namespace flatvm::network {

// Has a thread of its own from Start until it goes. A port is guarded some milliseconds after it
// came, before its guest runs.
class PortWatch final : private netlink::GroupListener {
 public:
  // As FilterWatch::Start.
  static absl::StatusOr<std::unique_ptr<PortWatch>> Start(KernelNetwork& network,
                                                          base::Logger& log);

 private:
  PortWatch(KernelNetwork& network, base::Logger& log) : network_(network), log_(log) {}
  void Take(std::string_view datagram) override;
  void Lost() override { lost_ = true; }
  void Settle() override;

  KernelNetwork& network_;
  base::Logger& log_;
  bool lost_ = false;
  std::set<uint32_t> bridges_;                  // to which something came, by index
  std::unique_ptr<netlink::GroupWatch> watch_;  // last: its thread uses the rest
};

}  // namespace flatvm::network
