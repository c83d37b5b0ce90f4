// The guard's programs are given to the kernel by who has no more capabilities than flatvmd: of
// CAP_PERFMON, or CAP_SYS_ADMIN, kernels check less.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

#include "network/guard/bpf.h"
#include "network/guard/programs.h"

namespace flatvm::integration {
namespace {

constexpr network::Ipv4Subnet kSubnet{.address = {0x0AD50400}, .prefix_length = 24};

// Of the calling thread, which has these capabilities.
bool KeepOnly(uint64_t capabilities) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  for (size_t i = 0; i < data.size(); ++i) {
    data[i].effective = data[i].permitted = static_cast<uint32_t>(capabilities >> (32U * i));
  }
  return ::syscall(SYS_capset, &header, data.data()) == 0;
}

TEST(GuardCapabilities, AreEnoughForEachProgram) {
  if (!guard::CountsMap::Open("/no/bpf/counts").ok()) GTEST_SKIP() << "needs BPF, and root";
  constexpr auto kBit = [](int capability) {
    return uint64_t{1} << static_cast<unsigned>(capability);
  };
  std::thread([&] {
    ASSERT_TRUE(KeepOnly(kBit(CAP_BPF) | kBit(CAP_NET_ADMIN)));
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
