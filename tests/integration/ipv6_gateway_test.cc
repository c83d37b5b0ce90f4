// The host's side of tenants' IPv6: what KernelNetwork does to bridges, and what becomes of a
// tenant, and of the others, where that fails.
#include "network/ipv6_gateway.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"
#include "network/kernel_network.h"
#include "network/netlink/message.h"
#include "tests/fakes/fake_log.h"
#include "tests/fakes/temp_dir.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {
namespace {

const network::Ipv6Pool kPool = *network::ParseIpv6Pool("test", "fd12:3456:7800::/40");
constexpr char kAcmeBridge[] = "fv-0ad50400";
constexpr char kGlobexBridge[] = "fv-0ad50500";
constexpr char kGateway[] = "fd12:3456:78d5:400::1";
// Of a tenant's bridge, below /proc/sys/net/ipv6/conf.
constexpr std::pair<const char*, const char*> kSettings[] = {
    {"accept_ra", "0\n"}, {"autoconf", "0\n"}, {"addr_gen_mode", "1\n"}, {"disable_ipv6", "0\n"}};

// Of an interface's IPv6 addresses. The kernel sends that of a new one when it has looked for
// others who have it, and that of one which was made what it is before it answers.
class AddressNotices {
 public:
  AddressNotices(const NetNamespace& space, const char* interface) {
    space.Run([&] {
      index_ = ::if_nametoindex(interface);
      socket_.Reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
      sockaddr_nl address{};
      address.nl_family = AF_NETLINK;
      address.nl_groups = RTMGRP_IPV6_IFADDR;
      ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
                0);
    });
  }

  // Of RTM_NEWADDR, since the last time, as soon as there are so many.
  int WaitFor(int wanted) {
    int count = Take();
    for (int tries = 0; count < wanted && tries < 50; ++tries) {
      pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
      ::poll(&wait, 1, 100);
      count += Take();
    }
    return count;
  }

  int Take() {
    int count = 0;
    std::array<char, 16384> buffer{};
    for (ssize_t size; (size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0)) > 0;) {
      std::string_view datagram(buffer.data(), static_cast<size_t>(size));
      while (const auto message = netlink::NextMessage(&datagram)) {
        const bool ours = message->As<ifaddrmsg>().ifa_index == index_;
        if (ours && message->header.nlmsg_type == RTM_NEWADDR) ++count;
      }
    }
    return count;
  }

 private:
  uint32_t index_ = 0;
  base::UniqueFd socket_;
};

class Ipv6GatewayTest : public TwoTenants {
 protected:
  void SetUp() override {
    TwoTenants::SetUp();
    if (IsSkipped()) return;
    // As libvirt has the bridge of a network that it knows no IPv6 address of.
    for (const char* bridge : {kAcmeBridge, kGlobexBridge}) {
      Said({"/bin/sh", "-c",
            base::StrCat("echo 1 >/proc/sys/net/ipv6/conf/", bridge, "/disable_ipv6")});
    }
  }

  static network::NetworkSpec With(const network::Ipv4Subnet& tenant) {
    network::NetworkSpec spec = SpecOf(tenant);
    spec.prefix = kPool.PrefixOf(tenant);
    return spec;
  }

  // Skips the test if it cannot be.
  void EnsureBoth() {
    const absl::Status guarded = Guard(kernel_, {With(kAcme), With(kGlobex)});
    if (!guarded.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << guarded;
  }

  std::string Said(const std::vector<std::string>& argv) {
    std::string text;
    host_->Run([&] { text = RunOrFail(argv); });
    return text;
  }
  bool KnowsIpv4Neighbours() {
    const std::string said =
        Said({"/usr/sbin/ip", "-4", "neigh", "show", "dev", kAcmeBridge, "nud", "permanent"});
    return said.find("10.213.4.2 ") != std::string::npos &&
           said.find("10.213.4.3 ") != std::string::npos;
  }
  bool IsGuarded(const std::string& bridge) {
    return !Said({"/usr/sbin/tc", "filter", "show", "dev", bridge, "ingress"}).empty();
  }

  // In the host's network namespace, on a thread whose mounts below /proc are its own. Not all of
  // them: "/" is no mount to change where the tests run in a root directory of their own.
  void RunWithMounts(const std::function<void()>& job) {
    host_->Run([&] {
      ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
      ASSERT_EQ(::mount("none", "/proc", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
      job();
    });
  }

  fakes::FakeLog log_;
  network::KernelNetwork kernel_{{.uplink = "up0",
                                  .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                                  .pool6 = kPool,
                                  .counts_path = "/no/bpf/counts"},
                                 log_};
};

TEST_F(Ipv6GatewayTest, IsWhereTheKernelHasIpv6) {
  EXPECT_TRUE(kernel_.HasIpv6());
  network::KernelNetwork without({.ipv6_settings = "/proc/sys/net/no-ipv6"}, log_);
  EXPECT_FALSE(without.HasIpv6());
}

TEST_F(Ipv6GatewayTest, GivesTheBridgeItsTwoAddressesAndBelievesNoRouter) {
  EnsureBoth();
  if (IsSkipped()) return;
  const std::string said = Said({"/usr/sbin/ip", "-6", "-o", "addr", "show", "dev", kAcmeBridge});
  EXPECT_NE(said.find(std::string(kGateway) + "/64 scope global"), std::string::npos) << said;
  EXPECT_NE(said.find("fe80::5054:ff:fed5:401/64 scope link"), std::string::npos) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 2) << said;
  for (const auto& [name, value] : kSettings) {
    EXPECT_EQ(
        Said({"/bin/cat", std::string("/proc/sys/net/ipv6/conf/") + kAcmeBridge + "/" + name}),
        value)
        << name;
  }
}

TEST_F(Ipv6GatewayTest, TellsNobodyOfAddressesThatAreThere) {
  AddressNotices notices(*host_, kAcmeBridge);
  EnsureBoth();
  if (IsSkipped()) return;
  ASSERT_EQ(notices.WaitFor(2), 2);
  const auto restore = [this] { host_->Run([this] { ASSERT_EQ(*kernel_.RestoreFilter(), 2U); }); };
  restore();
  EXPECT_EQ(notices.Take(), 0);
  host_->Ip(std::string("addr del ") + kGateway + "/64 dev " + kAcmeBridge);
  restore();
  EXPECT_EQ(notices.WaitFor(1), 1) << "the missing one alone";
  const std::string said = Said({"/usr/sbin/ip", "-6", "addr", "show", "dev", kAcmeBridge});
  EXPECT_NE(said.find(kGateway), std::string::npos) << said;
}

TEST_F(Ipv6GatewayTest, FailsForNoOtherTenantAndNotForIpv4) {
  EnsureBoth();
  if (IsSkipped()) return;
  ASSERT_TRUE(IsGuarded(kGlobexBridge) && KnowsIpv4Neighbours());
  for (const char* bridge : {kAcmeBridge, kGlobexBridge}) {
    Said({"/usr/sbin/tc", "qdisc", "del", "dev", bridge, "clsact"});
  }
  Said({"/usr/sbin/ip", "-4", "neigh", "flush", "dev", kAcmeBridge, "nud", "permanent"});
  Said({"/bin/sh", "-c",
        std::string("echo 1 >/proc/sys/net/ipv6/conf/") + kAcmeBridge + "/accept_ra"});
  ASSERT_FALSE(IsGuarded(kAcmeBridge) || IsGuarded(kGlobexBridge) || KnowsIpv4Neighbours());
  RunWithMounts([this] {
    ASSERT_EQ(::mount("/proc/sys", "/proc/sys", nullptr, MS_BIND, nullptr), 0);
    ASSERT_EQ(::mount(nullptr, "/proc/sys", nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr), 0);
    EXPECT_FALSE(kernel_.RestoreFilter().ok()) << "acme's bridge believes advertisements";
  });
  EXPECT_TRUE(IsGuarded(kAcmeBridge));
  EXPECT_TRUE(IsGuarded(kGlobexBridge)) << "globex comes after acme";
  EXPECT_TRUE(KnowsIpv4Neighbours());
}

// IPv6 wants 1280 bytes, and leaves an interface that has less.
TEST_F(Ipv6GatewayTest, IsDoneWithoutOnABridgeOfASmallMtu) {
  host_->Ip(std::string("link set ") + kAcmeBridge + " mtu 1000");
  EnsureBoth();
  if (IsSkipped()) return;
  EXPECT_TRUE(KnowsIpv4Neighbours());
  host_->Run([this] {
    const network::Lease db = SpecOf(kAcme).leases[1];
    EXPECT_EQ(kernel_.RemoveMachine(kAcmeBridge, db), absl::OkStatus());
    EXPECT_EQ(kernel_.AddMachine(kAcmeBridge, db), absl::OkStatus());
  });
}

TEST_F(Ipv6GatewayTest, IsNotMissedOnABridgeThatIsGone) {
  const network::Ipv4Subnet gone = *network::ParseIpv4Subnet("test", "10.213.9.0/24");
  host_->Run(
      [&] { EXPECT_EQ(network::EnsureIpv6Gateway(gone, kPool.PrefixOf(gone)), absl::OkStatus()); });
  // It goes behind the first look.
  const fakes::TempDir settings;
  const std::string folder = settings.path() + "/" + network::BridgeName(gone);
  std::filesystem::create_directory(folder);
  for (const auto& [name, value] : kSettings) {
    std::ofstream(folder + "/" + name) << value;
  }
  RunWithMounts([&] {
    ASSERT_EQ(
        ::mount(settings.path().c_str(), "/proc/sys/net/ipv6/conf", nullptr, MS_BIND, nullptr), 0);
    EXPECT_EQ(network::EnsureIpv6Gateway(gone, kPool.PrefixOf(gone)), absl::OkStatus());
    std::filesystem::remove(folder + "/disable_ipv6");
    EXPECT_EQ(network::EnsureIpv6Gateway(gone, kPool.PrefixOf(gone)), absl::OkStatus());
  });
}

TEST_F(Ipv6GatewayTest, IsRemovedFromTheTableAfterTheConfigurationChanged) {
  EnsureBoth();
  if (IsSkipped()) return;
  const auto table = [this] { return Said({"/usr/sbin/nft", "list", "table", "inet", "flatvm"}); };
  ASSERT_NE(table().find("\"fv-0ad50400\" . fd12:3456:78d5:400::/64"), std::string::npos);
  // The next flatvmd, with network.ipv6_pool none.
  network::KernelNetwork next({.uplink = "up0",
                               .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                               .counts_path = "/no/bpf/counts"},
                              log_);
  host_->Run([&] { ASSERT_EQ(next.RemoveFilter(kAcme, kPool.PrefixOf(kAcme)), absl::OkStatus()); });
  EXPECT_EQ(table().find(kAcmeBridge), std::string::npos) << table();
  EXPECT_NE(table().find("\"fv-0ad50500\" . fd12:3456:78d5:500::/64"), std::string::npos);
}

}  // namespace
}  // namespace flatvm::integration
