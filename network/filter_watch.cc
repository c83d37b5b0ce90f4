#include "network/filter_watch.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::network {

absl::StatusOr<std::unique_ptr<FilterWatch>> FilterWatch::Start(KernelNetwork& network,
                                                                base::Logger& log) {
  std::unique_ptr<FilterWatch> watch(new FilterWatch(network, log));
  FLATVM_ASSIGN_OR_RETURN(watch->watch_,
                          netlink::GroupWatch::Start(NETLINK_NETFILTER, NFNLGRP_NFTABLES, *watch));
  return watch;
}

void FilterWatch::Take(std::string_view datagram) {
  if (std::optional<std::string> author = changes_.Read(datagram)) author_ = std::move(author);
}

// Perhaps it was ours.
void FilterWatch::Lost() { author_ = "unknown"; }

void FilterWatch::Settle() {
  if (!author_) return;
  const std::string author = *std::exchange(author_, std::nullopt);
  const absl::StatusOr<size_t> tenants = network_.RestoreFilter();
  if (!tenants.ok()) {
    log_.Log(base::LogLevel::kError,
             base::StrCat("somebody (", author,
                          ") changed the tenants' filter, and it cannot be put back: ",
                          base::Message(tenants.status())));
    return;
  }
  if (*tenants == 0) return;
  log_.Log(base::LogLevel::kWarning,
           base::StrCat("somebody (", author, ") changed the tenants' filter; it was put back"));
}

}  // namespace flatvm::network
