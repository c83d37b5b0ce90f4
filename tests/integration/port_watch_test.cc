// Ports that come to tenants' bridges while a watch is kept, on a network namespace that plays the
// host.
#include "network/port_watch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "daemon/base/names.h"
#include "network/kernel_network.h"
#include "network/ports.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/raw_frames.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {
namespace {

constexpr int kMilliseconds = 200;
constexpr int kPatience = 5000;

class PortWatchTest : public TwoTenants {
 protected:
  void SetUp() override {
    TwoTenants::SetUp();
    if (IsSkipped()) return;
    host_->Run([&] {
      auto watch = network::PortWatch::Start(kernel_, log_);
      ASSERT_TRUE(watch.ok()) << watch.status();
      watch_ = *std::move(watch);
    });
    const absl::Status guarded = Guard(kernel_, {SpecOf(kAcme), SpecOf(kGlobex)});
    if (!guarded.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << guarded;
  }

  // A machine beside web and db, with this address; its port comes shut and is named `tap`.
  std::unique_ptr<NetNamespace> Plug(const std::string& tap, const std::string& mac,
                                     const std::string& address) {
    std::unique_ptr<NetNamespace> machine = NetNamespace::Make();
    host_->Ip("link add " + tap + " type veth peer name eth0 netns " + machine->Path());
    host_->Ip("link set " + tap + " address fe" + mac.substr(2));
    host_->Ip("link set " + tap + " master fv-0ad50400 up");
    machine->Ip("link set eth0 address " + mac);
    machine->Ip("addr add " + address + "/24 dev eth0");
    machine->Ip("link set eth0 up");
    return machine;
  }

  std::string Bound() {
    std::string text;
    host_->Run([&] {
      text = RunOrFail({"/usr/sbin/nft", "list", "set", "bridge", "flatvm", "addresses"});
    });
    return text;
  }
  network::Traffic Counted() {
    network::Traffic traffic;
    host_->Run([&] { traffic = *kernel_.GetTraffic(kAcme); });
    return traffic;
  }
  static bool Becomes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  // It is the watch that does it.
  bool BecomesGuarded(const std::string& tap) {
    return Becomes([&] {
      std::string text;
      host_->Run([&] {
        text = RunOrFail({"/usr/sbin/tc", "filter", "show", "dev", tap, "ingress"});
      });
      return text.find("flatvm-") != std::string::npos;
    });
  }

  const network::Lease cache_{
      .hostname = "cache", .mac = "52:54:00:d5:04:09", .address = {0x0AD50409U}};
  fakes::FakeLog log_;
  network::KernelNetwork kernel_{{.uplink = "up0",
                                  .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                                  .counts_path = "/no/bpf/counts"},
                                 log_};
  std::unique_ptr<network::PortWatch> watch_;
};

TEST_F(PortWatchTest, GuardsThePortsThatAreThere) {
  EXPECT_TRUE(Arrives(*web_, *db_, "10.213.4.3"));
  web_->Ip("addr add 10.213.4.77/32 dev eth0");
  EXPECT_TRUE(IsSilent(*web_, *db_, "10.213.4.3", kPort, "10.213.4.77"));
  EXPECT_GT(Counted().spoofed, 0U);
  EXPECT_GT(Counted().accepted, 0U);
}

TEST_F(PortWatchTest, OpensThePortOfAMachineThatComesAndOfNobodyElse) {
  const auto stranger = Plug("stranger", "52:54:00:99:99:99", "10.213.4.10");
  const auto cache = Plug("cache", cache_.mac, "10.213.4.9");
  ASSERT_TRUE(BecomesGuarded("stranger"));
  ASSERT_TRUE(BecomesGuarded("cache"));
  EXPECT_TRUE(IsSilent(*cache, *db_, "10.213.4.3")) << "it has no lease yet";
  host_->Run([&] { ASSERT_EQ(kernel_.AddMachine("fv-0ad50400", cache_), absl::OkStatus()); });
  EXPECT_TRUE(Arrives(*cache, *db_, "10.213.4.3"));
  EXPECT_TRUE(IsSilent(*stranger, *db_, "10.213.4.3"));
  host_->Run([&] { ASSERT_EQ(kernel_.RemoveMachine("fv-0ad50400", cache_), absl::OkStatus()); });
  EXPECT_TRUE(IsSilent(*cache, *db_, "10.213.4.3"));
  EXPECT_TRUE(log_.Lines().empty()) << log_.Lines().front().message;
}

TEST_F(PortWatchTest, OpensAPortThatComesAfterItsLease) {
  host_->Run([&] { ASSERT_EQ(kernel_.AddMachine("fv-0ad50400", cache_), absl::OkStatus()); });
  const auto cache = Plug("cache", cache_.mac, "10.213.4.9");
  EXPECT_TRUE(Arrives(*cache, *db_, "10.213.4.3"));
  EXPECT_TRUE(BecomesGuarded("cache"));
  EXPECT_TRUE(
      Becomes([this] { return Bound().find("\"cache\" . 10.213.4.9") != std::string::npos; }));
  host_->Ip("link delete cache");
  EXPECT_TRUE(Becomes([this] { return Bound().find("cache") == std::string::npos; })) << Bound();
}

// systemd-udevd gives a tap an address of its own where it looks at it before libvirt has set one.
TEST_F(PortWatchTest, KnowsAPortByItsNameWhenSomebodyChangesItsAddress) {
  const std::string tap = base::TapName(cache_.mac);
  const auto cache = Plug(tap, cache_.mac, "10.213.4.9");
  host_->Ip("link set " + tap + " address 4e:16:a8:af:da:c2");
  host_->Run([&] { ASSERT_EQ(kernel_.AddMachine("fv-0ad50400", cache_), absl::OkStatus()); });
  EXPECT_TRUE(Arrives(*cache, *db_, "10.213.4.3"));
  host_->Ip("link set " + tap + " address 4e:16:a8:af:da:c3");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // for the watch to see it
  EXPECT_TRUE(Arrives(*cache, *db_, "10.213.4.3"));
}

// Nobody watches here: it is the table that was there before the port.
TEST_F(PortWatchTest, HoldsAMachineFromItsFirstFrameOn) {
  watch_.reset();
  const std::string tap = base::TapName(cache_.mac);
  constexpr char kDb[] = "52:54:00:d5:04:03";
  const auto frame = [&](const char* to, const std::string& from, const char* address) {
    return EthernetFrame(to, from.c_str(), "0800",
                         Ipv4Payload(address, "10.213.4.3", IPPROTO_UDP, UdpPayload(1, 2)));
  };
  const std::string own = frame(kDb, cache_.mac, "10.213.4.9");
  const std::string lie = frame(kDb, cache_.mac, "10.213.4.2");
  const std::string to_all = frame("ff:ff:ff:ff:ff:ff", kDb, "10.213.4.3");
  {
    const auto cache = Plug(tap, cache_.mac, "10.213.4.9");
    RawPort machine(*cache), sibling(*db_);
    machine.Send(own);
    EXPECT_FALSE(sibling.Gets(own, kMilliseconds)) << "nobody knows it yet";
    sibling.Send(to_all);
    EXPECT_FALSE(machine.Gets(to_all, kMilliseconds));
  }
  host_->Run([&] { RunOrFail({"/bin/sh", "-c", "ip link delete " + tap + " 2>&-; true"}); });
  host_->Run([&] { ASSERT_EQ(kernel_.AddMachine("fv-0ad50400", cache_), absl::OkStatus()); });
  const auto cache = Plug(tap, cache_.mac, "10.213.4.9");
  RawPort machine(*cache), sibling(*db_);
  EXPECT_TRUE(Becomes([&] {
    machine.Send(own);
    return sibling.Gets(own, kMilliseconds);
  }));
  sibling.Send(to_all);
  EXPECT_TRUE(machine.Gets(to_all, kPatience));
  machine.Send(lie);
  EXPECT_FALSE(sibling.Gets(lie, kMilliseconds));
}

// As a new flatvmd does before it knows all tenants.
TEST_F(PortWatchTest, LeavesPortsOpenThatAnEarlierOneOpened) {
  watch_.reset();
  host_->Run([&] { ASSERT_EQ(kernel_.AddMachine("fv-0ad50400", cache_), absl::OkStatus()); });
  const auto cache = Plug(base::TapName(cache_.mac), cache_.mac, "10.213.4.9");
  ASSERT_TRUE(Arrives(*cache, *db_, "10.213.4.3"));
  network::KernelNetwork next({.uplink = "up0",
                               .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                               .counts_path = "/no/bpf/counts"},
                              log_);
  const network::NetworkSpec globex = SpecOf(kGlobex);
  host_->Run([&] {
    ASSERT_EQ(next.EnsureFilter(globex), absl::OkStatus());
    ASSERT_EQ(next.EnsureGuard(globex), absl::OkStatus());
    ASSERT_TRUE(next.RestoreFilter().ok());
  });
  EXPECT_TRUE(Arrives(*cache, *db_, "10.213.4.3"));
}

TEST_F(PortWatchTest, RemovesATenantOfAnEarlierOneAndLeavesOthersPortsOpen) {
  watch_.reset();
  host_->Run([&] { ASSERT_EQ(kernel_.AddMachine("fv-0ad50400", cache_), absl::OkStatus()); });
  const auto cache = Plug(base::TapName(cache_.mac), cache_.mac, "10.213.4.9");
  network::KernelNetwork next({.uplink = "up0",
                               .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                               .counts_path = "/no/bpf/counts"},
                              log_);
  std::string table;
  host_->Run([&] {
    ASSERT_EQ(next.RemoveFilter(kGlobex, std::nullopt), absl::OkStatus());
    table = RunOrFail({"/usr/sbin/nft", "list", "table", "bridge", "flatvm"});
  });
  EXPECT_EQ(table.find("fv-0ad50500"), std::string::npos) << table;
  EXPECT_NE(table.find("fv-0ad50400"), std::string::npos) << table;
  EXPECT_TRUE(Arrives(*cache, *db_, "10.213.4.3"));
}

TEST_F(PortWatchTest, KnowsMachinesWithoutAskingThemAndBelievesNoOther) {
  const auto neighbours = [this] {
    std::string text;
    host_->Run([&] { text = RunOrFail({"/usr/sbin/ip", "neigh", "show", "dev", "fv-0ad50400"}); });
    return text;
  };
  EXPECT_NE(neighbours().find("10.213.4.2 lladdr 52:54:00:d5:04:02 PERMANENT"), std::string::npos)
      << neighbours();
  host_->Run([&] { ASSERT_EQ(kernel_.AddMachine("fv-0ad50400", cache_), absl::OkStatus()); });
  EXPECT_NE(neighbours().find("10.213.4.9 lladdr 52:54:00:d5:04:09 PERMANENT"), std::string::npos);
  host_->Run([&] {
    ASSERT_EQ(kernel_.RemoveMachine("fv-0ad50400", cache_), absl::OkStatus());
    EXPECT_EQ(kernel_.RemoveMachine("fv-0ad50400", cache_), absl::OkStatus());
  });
  EXPECT_EQ(neighbours().find("10.213.4.9"), std::string::npos) << neighbours();
}

// The firewall alone: each of the two is to hold without the other.
TEST_F(PortWatchTest, HasSpoofedFramesStoppedByTheTableToo) {
  RawPort sender(*web_), sibling(*db_);
  constexpr char kWeb[] = "52:54:00:d5:04:02";
  constexpr char kDb[] = "52:54:00:d5:04:03";
  constexpr char kAll[] = "ff:ff:ff:ff:ff:ff";
  const auto udp = [](const char* from, int port, int to = 2) {
    return Ipv4Payload(from, "10.213.4.3", IPPROTO_UDP, UdpPayload(port, to));
  };
  host_->Run([] { RunOrFail({"/usr/sbin/tc", "qdisc", "del", "dev", "web", "clsact"}); });
  const auto passes = [&](const std::string& frame, int timeout_ms) {
    sender.Send(frame);
    return sibling.Gets(frame, timeout_ms);
  };
  ASSERT_TRUE(passes(EthernetFrame(kDb, kWeb, "0800", udp("10.213.4.2", 1)), kPatience));
  const std::vector<std::string> hostile = {
      EthernetFrame(kAll, kDb, "0800", udp("10.213.4.2", 1)),
      EthernetFrame(kDb, kWeb, "0800", udp("10.213.4.1", 1)),
      EthernetFrame(kDb, kWeb, "0800", udp("10.213.4.2", 67)),
      EthernetFrame(kDb, kWeb, "0800", udp("10.213.4.2", 1000, 68)),
      EthernetFrame(kDb, kWeb, "0806", ArpPayload(2, kWeb, "10.213.4.1", "10.213.4.3")),
      EthernetFrame(kDb, kWeb, "0806", ArpPayload(2, kDb, "10.213.4.2", "10.213.4.3")),
      EthernetFrame(kDb, kWeb, "88b5", std::string(46, '\0')),
      EthernetFrame("33:33:00:00:00:01", kWeb, "86dd",
                    Ipv6Payload("fe80::5054:ff:fed5:402", "ff02::1", 58,
                                Hex("86 00 0000 40 00 0708 00000000 00000000")))};
  for (size_t i = 0; i < hostile.size(); ++i) {
    const network::Traffic before = Counted();
    EXPECT_FALSE(passes(hostile[i], kMilliseconds)) << i;
    const network::Traffic after = Counted();
    EXPECT_GT(after.spoofed + after.refused, before.spoofed + before.refused) << i;
  }
}

}  // namespace
}  // namespace flatvm::integration
