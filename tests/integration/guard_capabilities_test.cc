// The guard's programs are given to the kernel by who has no more capabilities than flatvmd: of
// CAP_PERFMON, or CAP_SYS_ADMIN, kernels check less.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <thread>
#include <vector>

#include "daemon/base/capabilities.h"
#include "daemon/check/try_network.h"
#include "network/guard/bpf.h"
#include "network/guard/programs.h"

namespace flatvm::integration {
namespace {

constexpr network::Ipv4Subnet kSubnet{.address = {0x0AD50400}, .prefix_length = 24};
constexpr network::Ipv6Pool kPool6{{0xFD, 1, 2, 3, 4}};
constexpr network::Ipv6Prefix kPrefix{{0xFD, 1, 2, 3, 4, 5, 6, 7}};

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
    guard::Machine dual = machine;
    dual.prefix = kPrefix;
    guard::Machine dual_router = dual;
    dual_router.routes_for = kSubnet;
    const guard::Machine bridged{.mac = machine.mac, .anywhere = true};
    const guard::Subnets both{.ipv4 = kSubnet, .ipv6 = kPrefix, .gateway_mac = machine.mac};
    guard::Tally metered = tally;
    metered.meters = {{.bytes_per_second = uint64_t{64} << 30U,
                       .key = 2,
                       .due = offsetof(guard::Counts, due_in),
                       .exceeded = offsetof(guard::Counts, exceeded_vm_in)}};
    guard::Tally twice = metered;
    twice.meters.push_back({.bytes_per_second = uint64_t{64} << 10U,
                            .key = 3,
                            .due = offsetof(guard::Counts, due_in),
                            .exceeded = offsetof(guard::Counts, exceeded_in)});
    const std::vector<std::vector<bpf_insn>> programs = {
        guard::BuildBridgeIn(both, {.uplinks = {2, 3}}, metered),
        guard::BuildBridgeOut(both, metered),
        guard::BuildPortIn(router, metered),
        guard::BuildPortIn(dual, metered),
        guard::BuildPortIn(bridged, tally),
        guard::BuildPortIn(bridged, twice),
        guard::BuildPortOut(twice),
        guard::BuildPortOut(metered),
        guard::BuildPortOut(tally),
        guard::BuildBridgeIn({kSubnet}, {.uplinks = {2, 3}}, tally),
        guard::BuildBridgeIn({kSubnet}, {.uplinks = {2, 3}, .only = machine.address}, tally),
        guard::BuildBridgeIn({kSubnet}, {}, tally),
        guard::BuildBridgeOut({kSubnet}, tally),
        guard::BuildUplinkOut({kSubnet}, tally),
        guard::BuildUplinkOut({kSubnet, kPool6}, tally),
        guard::BuildBridgeIn(both, {.uplinks = {2, 3}}, tally),
        guard::BuildBridgeIn(both, {.uplinks = {2, 3}, .only = machine.address}, tally),
        guard::BuildBridgeIn(both, {}, tally),
        guard::BuildBridgeOut(both, tally),
        guard::BuildPortIn(machine, tally),
        guard::BuildPortIn(dual, tally),
        guard::BuildPortIn(router, tally),
        guard::BuildPortIn(dual_router, tally),
        guard::BuildClosedPort(tally),
    };
    for (size_t i = 0; i < programs.size(); ++i) {
      const auto loaded = guard::LoadProgram(programs[i]);
      EXPECT_TRUE(loaded.ok()) << "program " << i << ": " << loaded.status();
    }
  }).join();
}

// The kernel numbers programs one by one.
uint32_t NumberOfNextProgram() {
  bpf_insn code[2] = {};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[1].code = BPF_JMP | BPF_EXIT;
  const auto program = guard::LoadProgram({code[0], code[1]});
  EXPECT_TRUE(program.ok()) << program.status();
  bpf_prog_info info{};
  bpf_attr request{};
  if (program.ok()) request.info.bpf_fd = static_cast<uint32_t>(program->get());
  request.info.info_len = sizeof(info);
  request.info.info = reinterpret_cast<uint64_t>(&info);
  EXPECT_EQ(::syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &request, sizeof(request)), 0);
  return info.id;
}

TEST(GuardCapabilities, AreTriedWithAProgramOfEachPlaceByFlatvmctlCheck) {
  if (!guard::CountsMap::Open("/no/bpf/counts").ok()) GTEST_SKIP() << "needs BPF, and root";
  const uint32_t before = NumberOfNextProgram();
  const check::NetworkFacts facts = check::TryNetwork();
  if (!facts.bridge.ok()) GTEST_SKIP() << "no bridge can be made here: " << facts.bridge;
  EXPECT_TRUE(facts.guard.ok()) << facts.guard;
  constexpr uint32_t kPlaces = 4;  // the uplink, a bridge's two ways, a port
  EXPECT_GT(NumberOfNextProgram(), before + kPlaces);
}

}  // namespace
}  // namespace flatvm::integration
