// The modes of a tenant's network, by the table and the guard together and by each alone, on a
// network namespace that plays the host.
#include <gtest/gtest.h>

#include "network/kernel_network.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {
namespace {

using network::NetworkMode;

constexpr char kOutside[] = "192.0.2.2";

// Acme's web is its primary here.
class NetworkModesTest : public TwoTenants {
 protected:
  void SetUp() override {
    TwoTenants::SetUp();
    if (IsSkipped()) return;
    const absl::Status guarded = Guard(kernel_, {SpecOf(kAcme), SpecOf(kGlobex)});
    if (!guarded.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << guarded;
    ASSERT_TRUE(Arrives(*db_, *outside_, kOutside)) << "else silence would prove nothing";
  }

  static network::NetworkSpec Acme(NetworkMode mode) {
    network::NetworkSpec spec = SpecOf(kAcme);
    spec.leases[0].hostname = network::kPrimaryHostname;
    spec.mode = mode;
    return spec;
  }

  void SetFilter(NetworkMode mode) {
    host_->Run([&] { ASSERT_EQ(kernel_.EnsureFilter(Acme(mode)), absl::OkStatus()); });
  }
  void Set(NetworkMode mode) {
    SetFilter(mode);
    host_->Run([&] { ASSERT_EQ(kernel_.EnsureGuard(Acme(mode)), absl::OkStatus()); });
  }
  // Leaves the table alone, until something is set again.
  void TakeTheGuardAway() {
    host_->Run([] {
      for (const char* interface : {"fv-0ad50400", "web", "db"}) {
        RunOrFail({"/usr/sbin/tc", "qdisc", "del", "dev", interface, "clsact"});
      }
    });
  }

  // Web is a router for db, and translates what it sends on.
  void MakeTheWayViaThePrimary() {
    web_->Run([this] {
      RunOrFail({"/bin/sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"});
      const absl::Status status = nft_.Run(
          "add table ip cni; add chain ip cni p { type nat hook postrouting priority srcnat; }; "
          "add rule ip cni p ip daddr != 10.213.4.0/24 masquerade");
      ASSERT_TRUE(status.ok()) << status;
    });
    db_->Ip("route replace default via 10.213.4.2");
  }

  fakes::FakeLog log_;
  network::KernelNetwork kernel_{{.uplink = "up0",
                                  .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                                  .counts_path = "/no/bpf/counts"},
                                 log_};
};

TEST_F(NetworkModesTest, IsolatedMachinesHaveEachOtherOnly) {
  Set(NetworkMode::kIsolated);
  EXPECT_TRUE(IsSilent(*web_, *outside_, kOutside));
  EXPECT_TRUE(IsSilent(*db_, *outside_, kOutside));
  EXPECT_TRUE(Arrives(*web_, *db_, "10.213.4.3"));
  EXPECT_TRUE(Arrives(*db_, *host_, "10.213.4.1", 53));
  EXPECT_TRUE(Arrives(*rival_, *outside_, kOutside)) << "another tenant's mode is its own";
  Set(NetworkMode::kNat);
  EXPECT_TRUE(Arrives(*db_, *outside_, kOutside));
}

TEST_F(NetworkModesTest, IsolatedMachinesAreKeptInByTheTableAlone) {
  SetFilter(NetworkMode::kIsolated);
  TakeTheGuardAway();
  EXPECT_TRUE(IsSilent(*db_, *outside_, kOutside));
}

TEST_F(NetworkModesTest, IsolatedMachinesAreKeptInByTheGuardAlone) {
  Set(NetworkMode::kIsolated);
  Load("add element inet flatvm exits { \"fv-0ad50400\" }");
  EXPECT_TRUE(IsSilent(*db_, *outside_, kOutside));
}

TEST_F(NetworkModesTest, MachinesLeaveThroughTheirPrimary) {
  Set(NetworkMode::kViaPrimary);
  MakeTheWayViaThePrimary();
  bool answered = false;
  const auto seen =
      SendProbe({.sender = *db_, .receiver = *outside_, .to = kOutside, .to_port = kPort},
                Expect::kArrival, &answered);
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->substr(0, seen->find(':')), "192.0.2.1");
  EXPECT_TRUE(answered) << "the primary sends on what comes from elsewhere";
  EXPECT_TRUE(Arrives(*db_, *outside_, kOutside)) << "no redirect of its tells of another way";
  TakeTheGuardAway();
  EXPECT_TRUE(Arrives(*db_, *outside_, kOutside)) << "so does the table see it";
}

TEST_F(NetworkModesTest, MachinesDoNotLeaveButThroughTheirPrimary) {
  Set(NetworkMode::kViaPrimary);
  EXPECT_TRUE(IsSilent(*db_, *outside_, kOutside)) << "by the host, which it still knows";
  EXPECT_TRUE(Arrives(*web_, *outside_, kOutside));
  TakeTheGuardAway();
  EXPECT_TRUE(IsSilent(*db_, *outside_, kOutside)) << "by the table alone";
  EXPECT_TRUE(Arrives(*web_, *outside_, kOutside));
}

TEST_F(NetworkModesTest, MachinesDoNotLeaveBehindTheTablesBack) {
  Set(NetworkMode::kViaPrimary);
  Load("add element inet flatvm exits { \"fv-0ad50400\" }");
  EXPECT_TRUE(IsSilent(*db_, *outside_, kOutside));
  EXPECT_TRUE(Arrives(*web_, *outside_, kOutside));
}

TEST_F(NetworkModesTest, APrimaryThatRoutesIsStillNobodyElse) {
  Set(NetworkMode::kViaPrimary);
  web_->Ip("addr add 10.213.4.9/32 dev eth0");
  EXPECT_TRUE(IsSilent(*web_, *db_, "10.213.4.3", kPort, "10.213.4.9")) << "a sibling's";
  web_->Ip("addr add 10.213.4.1/32 dev eth0");
  EXPECT_TRUE(IsSilent(*web_, *db_, "10.213.4.3", kPort, "10.213.4.1")) << "the gateway's";
  web_->Run([] {
    RunOrFail({"/bin/sh", "-c", "echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce"});
  });
  web_->Ip("addr add 198.18.7.7/32 dev eth0");
  db_->Ip("route add 198.18.7.7/32 dev eth0");
  EXPECT_FALSE(SendProbe({.sender = *web_,
                          .from = "198.18.7.7",
                          .from_port = 67,
                          .receiver = *db_,
                          .to = "10.213.4.3",
                          .to_port = 68},
                         Expect::kSilence)
                   .has_value())
      << "a DHCP server";
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.4.1", 53, "198.18.7.7")) << "towards the host";
  EXPECT_TRUE(SendProbe({.sender = *web_,
                         .from = "198.18.7.7",
                         .receiver = *db_,
                         .to = "10.213.4.3",
                         .to_port = kPort},
                        Expect::kArrival)
                  .has_value())
      << "what it routes";
  Set(NetworkMode::kNat);
  EXPECT_TRUE(IsSilent(*web_, *db_, "10.213.4.3", kPort, "198.18.7.7")) << "no router any more";
}

}  // namespace
}  // namespace flatvm::integration
