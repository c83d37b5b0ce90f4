// A tenant's ceilings as flatvmd sets them: live, for all machines, also those that come later, and
// put back where somebody took them away.
#include <gtest/gtest.h>

#include <chrono>

#include "network/kernel_network.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/flood.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {
namespace {

using network::Ceilings;

constexpr uint64_t kSlow = uint64_t{64} << 10U;
constexpr char kOutside[] = "192.0.2.2";

// Acme's web is its primary here.
class NetworkCeilingsTest : public TwoTenants {
 protected:
  void SetUp() override {
    TwoTenants::SetUp();
    if (IsSkipped()) return;
    const absl::Status guarded = Guard(kernel_, {Acme(), SpecOf(kGlobex)});
    if (!guarded.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << guarded;
    ASSERT_TRUE(Arrives(*db_, *outside_, kOutside)) << "so that the next hop is known";
    ASSERT_TRUE(Arrives(*web_, *db_, "10.213.4.3"));
  }

  static network::NetworkSpec Acme(const Ceilings& ceilings = {}) {
    network::NetworkSpec spec = SpecOf(kAcme);
    spec.leases[0].hostname = network::kPrimaryHostname;
    spec.ceilings = ceilings;
    return spec;
  }
  void Set(const Ceilings& ceilings) {
    host_->Run(
        [&] { ASSERT_EQ(kernel_.SetRules(kAcme, {.ceilings = ceilings}), absl::OkStatus()); });
  }
  network::Exceeded Exceeded() {
    network::Exceeded exceeded;
    host_->Run([&] { exceeded = kernel_.GetTraffic(kAcme)->exceeded; });
    return exceeded;
  }
  void TakeTheGuardAway() {
    host_->Run([] {
      for (const char* interface : {"fv-0ad50400", "web", "db"}) {
        RunOrFail({"/usr/sbin/tc", "qdisc", "del", "dev", interface, "clsact"});
      }
    });
  }
  fakes::FakeLog log_;
  const network::KernelNetworkSettings settings_{
      .uplink = "up0",
      .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
      .counts_path = "/no/bpf/counts"};
  network::KernelNetwork kernel_{settings_, log_};
};

TEST_F(NetworkCeilingsTest, HoldWhileMachinesRunAndAreCounted) {
  EXPECT_EQ(Flood(*db_, *outside_, kOutside), kFlood);
  Set({.out = kSlow});
  const int arrived = Flood(*db_, *outside_, kOutside);
  EXPECT_LT(arrived, kFlood);
  const network::Exceeded exceeded = Exceeded();
  EXPECT_TRUE(AreTheRest(exceeded.out, arrived)) << exceeded.out;
  EXPECT_EQ(exceeded, network::Exceeded{.out = exceeded.out});
  EXPECT_EQ(Flood(*db_, *web_, "10.213.4.2"), kFlood) << "among themselves they are free";
  EXPECT_EQ(Flood(*rival_, *outside_, kOutside), kFlood) << "so is another tenant";
  Set({});
  EXPECT_EQ(Flood(*db_, *outside_, kOutside), kFlood);
}

TEST_F(NetworkCeilingsTest, AreEachSecondarysAndNotThePrimarys) {
  Set({.vm_out = kSlow, .vm_in = kSlow});
  const int sent = Flood(*db_, *web_, "10.213.4.2");
  EXPECT_LT(sent, kFlood);
  const int gotten = Flood(*web_, *db_, "10.213.4.3");
  EXPECT_LT(gotten, kFlood) << "to the secondary";
  const uint64_t vm_in = Exceeded().vm_in;
  EXPECT_TRUE(AreTheRest(vm_in, gotten)) << vm_in;
  EXPECT_TRUE(AreTheRest(Exceeded().vm_out, sent)) << Exceeded().vm_out;
  EXPECT_EQ(Flood(*web_, *outside_, kOutside), kFlood) << "from the primary";
}

// What globex was is acme's further network now, and its machine the other NIC of acme's db.
TEST_F(NetworkCeilingsTest, AreSharedByAllNetworksOfATenantAndAllNicsOfAMachine) {
  const auto share = [this](const Ceilings& ceilings) {
    network::NetworkSpec further = SpecOf(kGlobex);
    further.network = "storage";
    further.leases[0].hostname = "db";
    further.ceilings = ceilings;
    further.metered_by = kAcme;
    host_->Run([&] {
      ASSERT_EQ(kernel_.EnsureGuard(Acme(ceilings)), absl::OkStatus());
      ASSERT_EQ(kernel_.EnsureGuard(further), absl::OkStatus());
    });
  };
  constexpr uint64_t kBurst = uint64_t{256} << 10U;
  const auto most = [](double seconds) {
    return static_cast<int>((kBurst + seconds * kSlow) / kFloodFrame) + 1;
  };
  for (const Ceilings& ceilings : {Ceilings{.out = kSlow}, Ceilings{.vm_out = kSlow}}) {
    share({});
    EXPECT_EQ(Flood(*rival_, *outside_, kOutside), kFlood);
    share(ceilings);
    const auto start = std::chrono::steady_clock::now();
    const int first = Flood(*db_, *outside_, kOutside);
    const int second = Flood(*rival_, *outside_, kOutside);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    EXPECT_GT(first, 0);
    EXPECT_LE(first + second, most(took.count())) << first << " and " << second;
  }
}

TEST_F(NetworkCeilingsTest, AreThoseOfMachinesThatComeLater) {
  const network::Lease db = Acme().leases[1];
  host_->Run([&] { ASSERT_EQ(kernel_.RemoveMachine("fv-0ad50400", db), absl::OkStatus()); });
  Set({.vm_out = kSlow});
  host_->Run([&] { ASSERT_EQ(kernel_.AddMachine("fv-0ad50400", db), absl::OkStatus()); });
  ASSERT_TRUE(Arrives(*db_, *web_, "10.213.4.2"));
  EXPECT_LT(Flood(*db_, *web_, "10.213.4.2"), kFlood);
}

TEST_F(NetworkCeilingsTest, AreBackWhereSomebodyTookThemAway) {
  Set({.out = kSlow, .vm_in = kSlow});
  TakeTheGuardAway();
  ASSERT_EQ(Flood(*web_, *outside_, kOutside), kFlood);
  host_->Run([this] { ASSERT_TRUE(kernel_.RestoreFilter().ok()); });
  // In and out of the bridge, in of two ports, and out of the secondary's.
  EXPECT_TRUE(log_.Has("somebody took away or changed 5 programs of the tenants' guard"));
  EXPECT_LT(Flood(*web_, *outside_, kOutside), kFlood);
  EXPECT_LT(Flood(*web_, *db_, "10.213.4.3"), kFlood);
}

TEST_F(NetworkCeilingsTest, AreNobodysChangeWhileTheyAreWhatTheyWere) {
  Set({.out = kSlow, .vm_in = kSlow});
  host_->Run([this] { ASSERT_TRUE(kernel_.RestoreFilter().ok()); });
  host_->Ip("link set db down");
  host_->Ip("link set db up");
  host_->Run([this] { ASSERT_TRUE(kernel_.RestoreFilter().ok()); });
  EXPECT_FALSE(log_.Has("tenants' guard"));
}

TEST_F(NetworkCeilingsTest, AreThoseOfTheSpecAfterARestart) {
  const Ceilings ceilings{.out = kSlow, .in = 2 * kSlow, .vm_out = 3 * kSlow, .vm_in = kSlow};
  Set(ceilings);
  EXPECT_LT(Flood(*db_, *outside_, kOutside), kFlood);
  network::KernelNetwork next(settings_, log_);
  host_->Run([&] {
    ASSERT_EQ(next.EnsureFilter(Acme(ceilings)), absl::OkStatus());
    ASSERT_EQ(next.EnsureGuard(Acme(ceilings)), absl::OkStatus());
  });
  EXPECT_LT(Flood(*web_, *outside_, kOutside), kFlood);
  EXPECT_LT(Flood(*web_, *db_, "10.213.4.3"), kFlood);
}

}  // namespace
}  // namespace flatvm::integration
