// The guard's programs are given to the kernel by who has no more capabilities than flatvmd: of
// CAP_PERFMON, or CAP_SYS_ADMIN, kernels check less.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>

#include <cerrno>
#include <thread>
#include <vector>

#include "daemon/base/capabilities.h"
#include "network/guard/bpf.h"
#include "network/guard/programs.h"

namespace flatvm::integration {
namespace {

constexpr network::Ipv4Subnet kSubnet{.address = {0x0AD50400}, .prefix_length = 24};

TEST(GuardCapabilities, AreEnoughForEachProgram) {
  if (!guard::CountsMap::Open("/no/bpf/counts").ok()) GTEST_SKIP() << "needs BPF, and root";
  std::thread([&] {
    ASSERT_TRUE(base::KeepCapabilities({CAP_BPF, CAP_NET_ADMIN}).ok());
    ASSERT_NE(::unshare(CLONE_NEWNET), 0);
    ASSERT_EQ(errno, EPERM);
    const auto counts = guard::CountsMap::Open("/no/bpf/counts");
    ASSERT_TRUE(counts.ok()) << counts.status();
    const guard::Tally tally{.map = counts->fd(), .key = 1};
    const guard::Machine machine{.mac = {0x52, 0x54, 0, 1, 2, 3}, .address = {0x0AD50402}};
    guard::Machine router = machine;
    router.routes_for = kSubnet;
    const std::vector<std::vector<bpf_insn>> programs = {
        guard::BuildBridgeIn(kSubnet, {.uplinks = {2, 3}}, tally),
        guard::BuildBridgeIn(kSubnet, {.uplinks = {2, 3}, .only = machine.address}, tally),
        guard::BuildBridgeIn(kSubnet, {}, tally),
        guard::BuildBridgeOut(kSubnet, tally),
        guard::BuildUplinkOut(kSubnet, tally),
        guard::BuildPortIn(machine, tally),
        guard::BuildPortIn(router, tally),
        guard::BuildClosedPort(tally),
    };
    for (size_t i = 0; i < programs.size(); ++i) {
      const auto loaded = guard::LoadProgram(programs[i]);
      EXPECT_TRUE(loaded.ok()) << "program " << i << ": " << loaded.status();
    }
  }).join();
}

}  // namespace
}  // namespace flatvm::integration
