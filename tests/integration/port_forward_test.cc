// Ports of the host that lead to machines, on a network namespace that plays the host.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "network/host_ports.h"
#include "network/kernel_network.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {
namespace {

using network::Protocol;

constexpr char kUplink[] = "192.0.2.1";
constexpr uint16_t kHostPort = 9000;

class PortForwardTest : public TwoTenants {
 protected:
  void SetUp() override {
    TwoTenants::SetUp();
    if (IsSkipped()) return;
    const absl::Status guarded = Guard(kernel_, {SpecOf(kAcme), SpecOf(kGlobex)});
    if (!guarded.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << guarded;
  }

  void Set(const std::vector<network::PortForward>& forwards,
           const network::Ipv4Subnet& tenant = kAcme) {
    host_->Run(
        [&] { ASSERT_EQ(kernel_.SetRules(tenant, {.forwards = forwards}), absl::OkStatus()); });
  }

  // What comes to the machine, as its sender's address, of what outside sends to the host's port.
  std::optional<std::string> Comes(const NetNamespace& machine, const std::string& address,
                                   Expect expect, bool* answered = nullptr,
                                   uint16_t host_port = kHostPort, uint16_t port = kPort) {
    return SendProbe({.sender = *outside_,
                      .receiver = machine,
                      .to = kUplink,
                      .to_port = host_port,
                      .listen_on = address,
                      .listen_port = port},
                     expect, answered);
  }

  const network::PortForward web_forward_{
      .protocol = Protocol::kUdp, .host_port = kHostPort, .machine = "web", .port = kPort};
  fakes::FakeLog log_;
  network::KernelNetwork kernel_{{.uplink = "up0",
                                  .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                                  .counts_path = "/no/bpf/counts"},
                                 log_};
};

TEST_F(PortForwardTest, LeadsToTheMachineAndItsAnswersBack) {
  ASSERT_FALSE(Comes(*web_, "10.213.4.2", Expect::kSilence).has_value());
  Set({web_forward_});
  bool answered = false;
  const auto seen = Comes(*web_, "10.213.4.2", Expect::kArrival, &answered);
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->substr(0, seen->find(':')), "192.0.2.2") << "the machine sees who it is";
  EXPECT_TRUE(answered);
  Set({});
  EXPECT_FALSE(Comes(*web_, "10.213.4.2", Expect::kSilence).has_value());
}

TEST_F(PortForwardTest, LeadsToThatPortOfThatProtocolOnly) {
  Set({web_forward_});
  ASSERT_TRUE(Comes(*web_, "10.213.4.2", Expect::kArrival).has_value());
  EXPECT_FALSE(Comes(*web_, "10.213.4.2", Expect::kSilence, nullptr, kHostPort + 1).has_value());
  EXPECT_FALSE(Comes(*db_, "10.213.4.3", Expect::kSilence).has_value());
  outside_->Ip("route add 10.213.4.0/24 via 192.0.2.1");
  EXPECT_TRUE(IsSilent(*outside_, *web_, "10.213.4.2")) << "past the host's port";
  EXPECT_TRUE(Arrives(*outside_, *host_, kUplink, kHostPort + 1)) << "the host's other ports";
  network::PortForward tcp = web_forward_;
  tcp.protocol = Protocol::kTcp;
  Set({tcp});
  EXPECT_FALSE(Comes(*web_, "10.213.4.2", Expect::kSilence).has_value());
}

TEST_F(PortForwardTest, FollowsTheMachineOfThatName) {
  network::PortForward forward = web_forward_;
  forward.machine = "db";
  const network::Lease db = SpecOf(kAcme).leases[1];
  Set({forward});
  ASSERT_TRUE(Comes(*db_, "10.213.4.3", Expect::kArrival).has_value());
  const std::string bridge = network::BridgeName(kAcme);
  host_->Run([&] { ASSERT_EQ(kernel_.RemoveMachine(bridge, db), absl::OkStatus()); });
  EXPECT_FALSE(Comes(*db_, "10.213.4.3", Expect::kSilence).has_value());
  host_->Run([&] { ASSERT_EQ(kernel_.AddMachine(bridge, db), absl::OkStatus()); });
  EXPECT_TRUE(Comes(*db_, "10.213.4.3", Expect::kArrival).has_value());
}

TEST_F(PortForwardTest, IsThereAgainAfterAFlushAndWithoutTheTableLeadsNowhere) {
  Set({web_forward_});
  Load("flush ruleset");
  EXPECT_FALSE(Comes(*web_, "10.213.4.2", Expect::kSilence).has_value());
  host_->Run([&] { ASSERT_TRUE(kernel_.RestoreFilter().ok()); });
  EXPECT_TRUE(Comes(*web_, "10.213.4.2", Expect::kArrival).has_value());
}

TEST_F(PortForwardTest, StaysWhereAnotherLedToo) {
  network::PortForward second = web_forward_;
  second.host_port = kHostPort + 1;
  Set({web_forward_, second});
  EXPECT_TRUE(Comes(*web_, "10.213.4.2", Expect::kArrival, nullptr, kHostPort + 1).has_value());
  Set({web_forward_});
  EXPECT_FALSE(Comes(*web_, "10.213.4.2", Expect::kSilence, nullptr, kHostPort + 1).has_value());
  EXPECT_TRUE(Comes(*web_, "10.213.4.2", Expect::kArrival).has_value());
}

TEST_F(PortForwardTest, OfAnEarlierDaemonAreForgotten) {
  Set({web_forward_});
  network::KernelNetwork next({.uplink = "up0",
                               .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                               .counts_path = "/no/bpf/counts"},
                              log_);
  host_->Run([&] {
    ASSERT_EQ(next.EnsureFilter(SpecOf(kAcme)), absl::OkStatus());
    ASSERT_EQ(next.EnsureGuard(SpecOf(kAcme)), absl::OkStatus());
  });
  EXPECT_FALSE(Comes(*web_, "10.213.4.2", Expect::kSilence).has_value());
}

TEST_F(PortForwardTest, GoesWithItsTenant) {
  Set({web_forward_});
  host_->Run([&] { ASSERT_EQ(kernel_.RemoveFilter(kAcme, std::nullopt), absl::OkStatus()); });
  network::PortForward rival = web_forward_;
  rival.machine = "rival";
  Set({rival}, kGlobex);
  EXPECT_TRUE(Comes(*rival_, "10.213.5.2", Expect::kArrival).has_value());
}

TEST_F(PortForwardTest, KnowsWhereTheHostListensItself) {
  host_->Run([&] {
    EXPECT_TRUE(network::ListListeningPorts()->empty());
    const base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(kHostPort);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    EXPECT_EQ(*network::ListListeningPorts(), (network::HostPorts{{Protocol::kUdp, kHostPort}}));
  });
}

}  // namespace
}  // namespace flatvm::integration
