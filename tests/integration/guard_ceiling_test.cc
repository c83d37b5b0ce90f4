// The guard's ceilings: how much passes, as those see it whom it is for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include "network/guard/tenant_guard.h"
#include "network/tenant_networks.h"
#include "tests/integration/flood.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {
namespace {

using guard::Ceiling;
using guard::Counts;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;

constexpr uint64_t kKib = 1024;
constexpr uint64_t kSlow = 64 * kKib;  // bytes a second
constexpr uint64_t kBurst = 256 * kKib;

class GuardCeilingTest : public TwoTenants {
 protected:
  void SetUp() override {
    TwoTenants::SetUp();
    if (IsSkipped()) return;
    absl::Status probe;
    host_->Run([&] { probe = guard_.EnsureUplink(::if_nametoindex("up0")); });
    if (!probe.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << probe;
    Load(
        "add table ip nat; add chain ip nat p { type nat hook postrouting priority srcnat; }; "
        "add rule ip nat p oifname \"up0\" masquerade; "
        "add table ip judge; add chain ip judge f { type filter hook forward priority 0; }; "
        "add rule ip judge f meta mark set meta mark or 0x01000000");
    SetTenant({});
    SetMachine({});
    ASSERT_TRUE(Arrives(*web_, *outside_, "192.0.2.2")) << "so that the next hop is known";
    ASSERT_TRUE(Arrives(*web_, *db_, "10.213.4.3"));
    ASSERT_TRUE(Arrives(*db_, *web_, "10.213.4.2"));
  }

  void SetTenant(const Ceiling& ceiling) {
    host_->Run([&] {
      const uint32_t bridge = ::if_nametoindex(network::BridgeName(kAcme).c_str());
      ASSERT_EQ(
          guard_.EnsureBridge(bridge, {kAcme}, {.uplinks = {::if_nametoindex("up0")}}, ceiling),
          absl::OkStatus());
    });
  }
  // Web's.
  void SetMachine(const Ceiling& ceiling) {
    host_->Run([&] {
      const guard::Machine machine{.mac = {0x52, 0x54, 0x00, 0xD5, 0x04, 0x02},
                                   .address = *network::ParseIpv4Address("test", "10.213.4.2"),
                                   .ceiling = ceiling};
      ASSERT_EQ(guard_.EnsurePort(::if_nametoindex("web"), kAcme, machine), absl::OkStatus());
    });
  }
  Counts Counted() { return *guard_.GetCounts(kAcme); }

  // What a burst, and the ceiling for as long as a flood took, let through.
  static auto IsWithin(uint64_t rate, double seconds) {
    const auto lowest = static_cast<double>(kBurst / kFloodFrame);
    const double highest = lowest + 2 + static_cast<double>(rate) * seconds / kFloodFrame;
    return AllOf(Ge(lowest * 0.9), Le(highest));  // some of the burst may be used up already
  }

  guard::TenantGuard guard_{{*network::ParseIpv4Subnet("test", "10.213.0.0/16")}, "/no/bpf/counts"};
};

TEST_F(GuardCeilingTest, LetsAllThroughWhereThereIsNone) {
  EXPECT_EQ(Flood(*web_, *outside_, "192.0.2.2"), kFlood);
  const Counts counts = Counted();
  EXPECT_EQ(counts.exceeded_out + counts.exceeded_in, 0U);
  EXPECT_EQ(counts.exceeded_vm_out + counts.exceeded_vm_in, 0U);
}

TEST_F(GuardCeilingTest, HoldsWhatATenantSendsOut) {
  SetTenant({.out = kSlow});
  double seconds = 0;
  const int arrived = Flood(*web_, *outside_, "192.0.2.2", &seconds);
  EXPECT_THAT(arrived, IsWithin(kSlow, seconds));
  EXPECT_TRUE(AreTheRest(Counted().exceeded_out, arrived)) << Counted().exceeded_out;
  EXPECT_EQ(Flood(*db_, *web_, "10.213.4.2"), kFlood) << "among themselves they are free";
  EXPECT_EQ(Counted().exceeded_in, 0U);
}

TEST_F(GuardCeilingTest, IsOneForAllMachinesOfATenant) {
  SetTenant({.out = kSlow});
  double first = 0;
  double second = 0;
  const int arrived =
      Flood(*web_, *outside_, "192.0.2.2", &first) + Flood(*db_, *outside_, "192.0.2.2", &second);
  EXPECT_THAT(arrived, IsWithin(kSlow, first + second + 1)) << "with what it waited between";
}

TEST_F(GuardCeilingTest, HoldsWhatATenantGets) {
  outside_->Ip("route add 10.213.4.0/24 via 192.0.2.1");
  SetTenant({.in = kSlow});
  double seconds = 0;
  const int arrived = Flood(*outside_, *web_, "10.213.4.2", &seconds);
  EXPECT_THAT(arrived, IsWithin(kSlow, seconds));
  EXPECT_TRUE(AreTheRest(Counted().exceeded_in, arrived)) << Counted().exceeded_in;
  EXPECT_EQ(Counted().exceeded_out, 0U);
}

TEST_F(GuardCeilingTest, HoldsWhatAMachineSendsToItsSiblingsToo) {
  SetMachine({.out = kSlow});
  const uint64_t before = Counted().accepted;
  double seconds = 0;
  const int arrived = Flood(*web_, *db_, "10.213.4.3", &seconds);
  EXPECT_THAT(arrived, IsWithin(kSlow, seconds));
  EXPECT_TRUE(AreTheRest(Counted().exceeded_vm_out, arrived)) << Counted().exceeded_vm_out;
  EXPECT_LT(Counted().accepted - before, static_cast<uint64_t>(kFlood))
      << "what was dropped was not accepted";
  EXPECT_EQ(Flood(*db_, *web_, "10.213.4.2"), kFlood) << "the other way is free";
  EXPECT_EQ(Flood(*db_, *outside_, "192.0.2.2"), kFlood) << "so is the other machine";
}

TEST_F(GuardCeilingTest, HoldsWhatAMachineGets) {
  SetMachine({.in = kSlow});
  double seconds = 0;
  const int arrived = Flood(*db_, *web_, "10.213.4.2", &seconds);
  EXPECT_THAT(arrived, IsWithin(kSlow, seconds));
  EXPECT_TRUE(AreTheRest(Counted().exceeded_vm_in, arrived)) << Counted().exceeded_vm_in;
  EXPECT_EQ(Flood(*web_, *db_, "10.213.4.3"), kFlood);
}

TEST_F(GuardCeilingTest, BecomesAnotherAtOnce) {
  SetMachine({.in = kSlow});
  ASSERT_LT(Flood(*db_, *web_, "10.213.4.2"), kFlood);
  SetMachine({.in = kSlow << 20U});
  EXPECT_EQ(Flood(*db_, *web_, "10.213.4.2"), kFlood) << "what was above the old one is forgotten";
  SetMachine({.in = kSlow});
  EXPECT_LT(Flood(*db_, *web_, "10.213.4.2"), kFlood);
  SetMachine({});
  EXPECT_EQ(Flood(*db_, *web_, "10.213.4.2"), kFlood);
  host_->Run([] {
    EXPECT_THAT(RunOrFail({"/usr/sbin/tc", "filter", "show", "dev", "web", "egress"}),
                Not(HasSubstr("flatvm-")));
  });
}

TEST_F(GuardCeilingTest, GoesOnWhereItWasWithANewGuard) {
  SetMachine({.in = kSlow});
  Flood(*db_, *web_, "10.213.4.2");
  SetMachine({.in = kSlow});
  EXPECT_LT(Flood(*db_, *web_, "10.213.4.2"), kFlood / 4) << "no burst for being ensured";
}

TEST_F(GuardCeilingTest, ComesBackWhereSomebodyTookItAway) {
  SetTenant({.out = kSlow});
  host_->Run([] { RunOrFail({"/usr/sbin/tc", "qdisc", "del", "dev", "fv-0ad50400", "clsact"}); });
  ASSERT_EQ(Flood(*web_, *outside_, "192.0.2.2"), kFlood);
  SetTenant({.out = kSlow});
  EXPECT_LT(Flood(*web_, *outside_, "192.0.2.2"), kFlood);
}

TEST_F(GuardCeilingTest, LeavesAProgramOfSomebodyElsesAlone) {
  host_->Run([this] {
    const uint32_t port = ::if_nametoindex("web");
    auto tc = *guard::TrafficControl::Open();
    const auto counts = *guard::CountsMap::Open("/no/bpf/counts");
    const auto program = *guard::LoadProgram(guard::BuildPortOut({.map = counts.fd(), .key = 1}));
    ASSERT_EQ(tc.AttachProgram(port, guard::Way::kOut, program.get(), "an operator's"),
              absl::OkStatus());
    SetMachine({});
    EXPECT_EQ(*tc.FindProgram(port, guard::Way::kOut), "an operator's");
  });
}

TEST_F(GuardCeilingTest, IsFilledByTcpAndNotExceeded) {
  constexpr uint64_t kRate = uint64_t{10} << 20U;
  constexpr uint64_t kTotal = 2 * kRate;
  constexpr double kAllowedAtOnce = 0.3;  // seconds of the ceiling
  SetTenant({.out = kRate});
  const double seconds = Transfer(*web_, *outside_, "192.0.2.2", kTotal);
  EXPECT_GT(seconds, kTotal / double{kRate} - kAllowedAtOnce - 0.1);
  EXPECT_LT(seconds, kTotal / double{kRate} / 0.7);
  EXPECT_GT(Counted().exceeded_out, 0U);
}

}  // namespace
}  // namespace flatvm::integration
