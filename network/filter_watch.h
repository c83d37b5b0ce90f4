// Listens to the kernel for changes to nftables, and has the tenants' filter put back when somebody
// else changed it: a firewall that is reloaded, an `nft flush ruleset`.
#pragma once

#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "daemon/base/log.h"
#include "daemon/base/unique_fd.h"
#include "network/kernel_network.h"

namespace flatvm::network {

// Has a thread of its own from Start until it goes.
class FilterWatch {
 public:
  // Watches the network namespace of the calling thread; what changes from here on is seen. Both
  // outlive this. Needs CAP_NET_ADMIN. Errors: INTERNAL.
  static absl::StatusOr<std::unique_ptr<FilterWatch>> Start(KernelNetwork& network,
                                                            base::Logger& log);
  FilterWatch(const FilterWatch&) = delete;
  FilterWatch& operator=(const FilterWatch&) = delete;
  ~FilterWatch();

 private:
  FilterWatch(KernelNetwork& network, base::Logger& log, base::UniqueFd socket, base::UniqueFd stop)
      : network_(network), log_(log), socket_(std::move(socket)), stop_(std::move(stop)) {}
  void Run();
  bool SleepsOn(int timeout_ms);
  void Restore(const std::string& author);

  KernelNetwork& network_;
  base::Logger& log_;
  const base::UniqueFd socket_;
  const base::UniqueFd stop_;
  std::thread thread_;
};

}  // namespace flatvm::network
