#include "network/port_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <optional>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/netlink/message.h"
#include "network/ports.h"

namespace flatvm::network {

absl::StatusOr<std::unique_ptr<PortWatch>> PortWatch::Start(KernelNetwork& network,
                                                            base::Logger& log) {
  std::unique_ptr<PortWatch> watch(new PortWatch(network, log));
  FLATVM_ASSIGN_OR_RETURN(watch->watch_,
                          netlink::GroupWatch::Start(NETLINK_ROUTE, RTNLGRP_LINK, *watch));
  return watch;
}

void PortWatch::Take(std::string_view datagram) {
  while (const std::optional<netlink::Received> message = netlink::NextMessage(&datagram)) {
    if (const auto bridge = ReadChangedBridge(*message)) bridges_.insert(*bridge);
  }
}

void PortWatch::Settle() {
  const std::set<uint32_t> bridges = std::exchange(bridges_, {});
  const bool lost = std::exchange(lost_, false);
  const absl::Status status =
      lost ? network_.RestoreFilter().status() : network_.GuardPorts(bridges);
  if (status.ok()) return;
  log_.Log(base::LogLevel::kError,
           base::StrCat("a machine's port cannot be guarded: ", base::Message(status)));
}

}  // namespace flatvm::network
