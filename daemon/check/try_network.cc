#include "daemon/check/try_network.h"

#include <linux/capability.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "daemon/base/capabilities.h"
#include "daemon/base/error.h"
#include "daemon/base/unique_fd.h"
#include "network/guard/tenant_guard.h"
#include "network/ipv4.h"

namespace flatvm::check {
namespace {

constexpr char kBridge[] = "fv-check";
// Any would do: no packet comes by.
constexpr network::Ipv4Subnet kPool{.address = {0x0AD50000U}, .prefix_length = 16};
constexpr network::Ipv4Subnet kSubnet{.address = {0x0AD50000U}, .prefix_length = 24};

absl::Status MakeBridge() {
  const base::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return base::ErrnoError(errno, "socket for a bridge");
  if (::ioctl(socket.get(), SIOCBRADDBR, kBridge) != 0) {
    return base::ErrnoError(errno, "making a bridge");
  }
  return absl::OkStatus();
}

// As flatvmd has them, and no more: of CAP_SYS_ADMIN kernels check programs less.
absl::Status TryGuard() {
  FLATVM_RETURN_IF_ERROR(base::KeepCapabilities({CAP_BPF, CAP_NET_ADMIN}));
  guard::TenantGuard guard(kPool, "");  // counts of its own
  const uint32_t uplink = ::if_nametoindex("lo");
  FLATVM_RETURN_IF_ERROR(guard.EnsureUplink(uplink));
  return guard.EnsureBridge(::if_nametoindex(kBridge), kSubnet, {.uplinks = {uplink}});
}

}  // namespace

NetworkFacts TryNetwork() {
  NetworkFacts facts;
  std::thread([&facts] {
    if (::unshare(CLONE_NEWNET) != 0) {
      facts.bridge = base::ErrnoError(errno, "making a network namespace");
      facts.guard = facts.bridge;
      return;
    }
    facts.bridge = MakeBridge();
    facts.guard = facts.bridge.ok() ? TryGuard() : facts.bridge;
  }).join();
  return facts;
}

}  // namespace flatvm::check
