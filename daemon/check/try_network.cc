#include "daemon/check/try_network.h"

#include <linux/capability.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
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
constexpr network::Ipv6Pool kPool6{{0xFD}};
constexpr network::Ipv6Prefix kPrefix{{0xFD}};
constexpr std::array<uint8_t, 6> kMac = {0x52, 0x54, 0, 0xD5, 0, 2};

constexpr uint64_t kRate = uint64_t{1} << 20U;  // bytes a second

absl::Status MakeBridge() {
  const base::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return base::ErrnoError(errno, "socket for a bridge");
  if (::ioctl(socket.get(), SIOCBRADDBR, kBridge) != 0) {
    return base::ErrnoError(errno, "making a bridge");
  }
  return absl::OkStatus();
}

// Every kind of program, with IPv6. Capabilities as flatvmd has them, and no more: of CAP_SYS_ADMIN
// kernels check programs less.
absl::Status TryGuard(const guard::Ceiling& ceiling) {
  FLATVM_RETURN_IF_ERROR(base::KeepCapabilities({CAP_BPF, CAP_NET_ADMIN}));
  guard::TenantGuard guard({.ipv4 = kPool, .ipv6 = kPool6}, "");  // counts of its own
  const uint32_t uplink = ::if_nametoindex("lo");
  FLATVM_RETURN_IF_ERROR(guard.EnsureUplink(uplink));
  FLATVM_RETURN_IF_ERROR(guard.EnsureBridge(::if_nametoindex(kBridge),
                                            {.ipv4 = kSubnet, .ipv6 = kPrefix, .gateway_mac = kMac},
                                            {.uplinks = {uplink}}, ceiling));
  // A port's program is on its way in, where the uplink has none.
  return guard.EnsurePort(uplink, kSubnet,
                          {.mac = kMac, .address = kSubnet.Gateway(), .prefix = kPrefix});
}

}  // namespace

NetworkFacts TryNetwork() {
  NetworkFacts facts;
  std::thread([&facts] {
    if (::unshare(CLONE_NEWNET) != 0) {
      facts.bridge = base::ErrnoError(errno, "making a network namespace");
      facts.guard = facts.ceilings = facts.bridge;
      return;
    }
    facts.bridge = MakeBridge();
    facts.guard = facts.bridge.ok() ? TryGuard({}) : facts.bridge;
    facts.ceilings = facts.guard.ok() ? TryGuard({.out = kRate, .in = kRate}) : facts.guard;
  }).join();
  return facts;
}

}  // namespace flatvm::check
