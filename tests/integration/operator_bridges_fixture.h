// Bridges of the operator's in a network namespace that plays the host, and machines on them.
#pragma once

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/error.h"
#include "network/bridge_vlans.h"
#include "network/kernel_network.h"
#include "network/port_watch.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/net_namespace.h"
#include "tests/integration/raw_frames.h"

namespace flatvm::integration {

inline constexpr char kWeb[] = "52:aa:bb:cc:00:01";
inline constexpr char kPeer[] = "52:aa:bb:cc:00:99";
inline constexpr char kAll[] = "ff:ff:ff:ff:ff:ff";
inline constexpr char kAllNodes[] = "33:33:00:00:00:01";
inline constexpr int kMilliseconds = 150;
inline constexpr int kPatience = 5000;

// br0 filters VLANs, br1 does not. A machine of somebody else's is on each, at the port "peer" and
// the bridge's number, in VLAN 100 of br0.
class OperatorBridgesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    host_ = NetNamespace::Make();
    if (host_ == nullptr) GTEST_SKIP() << "needs root: no network namespace can be made";
    host_->Run([this] {
      RunOrFail({"/bin/sh", "-c",
                 "ip link add br0 type bridge forward_delay 0 stp_state 0 vlan_filtering 1 || ip "
                 "link add br0 type bridge forward_delay 0 stp_state 0"});
      has_vlans_ = *network::FindBridge("br0") == network::BridgeKind::kFiltersVlans;
    });
    host_->Ip("link add br1 type bridge forward_delay 0 stp_state 0");
    host_->Ip("link set br0 up");
    host_->Ip("link set br1 up");
    peer0_ = Plug("peer0", kPeer, "br0");
    peer1_ = Plug("peer1", kPeer, "br1");
    host_->Run([this] {
      const uint32_t port = ::if_nametoindex("peer0");
      if (has_vlans_) {
        ASSERT_EQ(network::EnsureOnlyVlan(port, 100), absl::OkStatus());
      }
      auto watch = network::PortWatch::Start(kernel_, log_);
      ASSERT_TRUE(watch.ok()) << watch.status();
      watch_ = *std::move(watch);
    });
    // The guard needs a kernel that takes it.
    absl::Status guarded;
    const auto probe = Plug("probe", "52:aa:bb:cc:00:77", "br1");
    host_->Run([&] {
      guard::TenantGuard guard({spec_.subnet}, "/no/bpf/counts");
      guarded = guard.ClosePort(::if_nametoindex("probe"), spec_.subnet);
    });
    if (!guarded.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << guarded;
    host_->Ip("link delete probe");
  }

  // As libvirt does it.
  std::unique_ptr<NetNamespace> Plug(const std::string& tap, const std::string& mac,
                                     const std::string& bridge) {
    std::unique_ptr<NetNamespace> machine = NetNamespace::Make();
    host_->Ip("link add " + tap + " type veth peer name eth0 netns " + machine->Path());
    host_->Ip("link set " + tap + " address fe" + mac.substr(2));
    host_->Ip("link set " + tap + " master " + bridge + " up");
    machine->Ip("link set eth0 address " + mac + " up");
    return machine;
  }

  absl::Status Ensure(const network::NetworkSpec& spec) {
    absl::Status status;
    host_->Run([&] { status = kernel_.bridges().Ensure(spec); });
    return status;
  }
  absl::Status AddMachine(const network::Lease& machine) {
    absl::Status status;
    host_->Run([&] { status = kernel_.bridges().AddMachine(spec_.Id(), machine); });
    return status;
  }
  std::vector<network::PortVlan> Vlans(const char* port) {
    std::vector<network::PortVlan> vlans;
    host_->Run([&] { vlans = *network::ListVlans(::if_nametoindex(port)); });
    return vlans;
  }
  bool IsGuarded(const std::string& tap) {
    std::string text;
    host_->Run([&] {
      text = RunOrFail({"/usr/sbin/tc", "filter", "show", "dev", tap, "ingress"});
    });
    return text.find("flatvm-") != std::string::npos;
  }
  static bool Becomes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  static std::string Ip4(const std::string& payload, const char* from = kWeb) {
    return EthernetFrame(kPeer, from, "0800", payload);
  }
  static std::string Udp(const char* from, int port) {
    return Ipv4Payload(from, "192.0.2.99", IPPROTO_UDP, UdpPayload(port, 2));
  }

  const network::NetworkSpec spec_{.tenant = "acme",
                                   .network = "lan",
                                   .subnet = *network::ParseIpv4Subnet("test", "10.213.4.0/24"),
                                   .mode = network::NetworkMode::kBridge,
                                   .bridge = "br0",
                                   .vlan = 100};
  // On the bridge that filters none.
  network::NetworkSpec Plain() const {
    network::NetworkSpec plain = spec_;
    plain.bridge = "br1";
    plain.vlan = 0;
    return plain;
  }

  const network::Lease web_{.hostname = "web", .mac = kWeb, .address = {}};
  bool has_vlans_ = false;  // CONFIG_BRIDGE_VLAN_FILTERING
  std::unique_ptr<NetNamespace> host_, peer0_, peer1_;
  fakes::FakeLog log_;
  network::KernelNetwork kernel_{{.uplink = "up0",
                                  .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                                  .counts_path = "/no/bpf/counts"},
                                 log_};
  std::unique_ptr<network::PortWatch> watch_;
};

}  // namespace flatvm::integration
