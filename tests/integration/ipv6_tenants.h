// Two tenants with IPv6, filtered and guarded as flatvmd does it, on a host that forwards IPv6.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "network/kernel_network.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {

inline const network::Ipv6Pool kPool = *network::ParseIpv6Pool("test", "fd12:3456:7800::/40");
// Gateways' and machines' unique local addresses.
inline constexpr char kGateway[] = "fd12:3456:78d5:400::1";
inline constexpr char kWeb[] = "fd12:3456:78d5:400:5054:ff:fed5:402";
inline constexpr char kDb[] = "fd12:3456:78d5:400:5054:ff:fed5:403";
inline constexpr char kRival[] = "fd12:3456:78d5:500:5054:ff:fed5:502";
inline constexpr char kRivalGateway[] = "fd12:3456:78d5:500::1";
inline constexpr char kWebMac[] = "52:54:00:d5:04:02";
inline constexpr char kDbMac[] = "52:54:00:d5:04:03";
inline constexpr uint16_t kDns = 53;

class Ipv6Tenants : public TwoTenants {
 protected:
  void SetUp() override {
    TwoTenants::SetUp();
    if (IsSkipped()) return;
    std::vector<network::NetworkSpec> tenants;
    host_->Run([&] {
      for (const network::Ipv4Subnet& tenant : {kAcme, kGlobex}) {
        // As libvirt has its bridges: no address of the kernel's making, which no guard knows.
        RunOrFail(
            {"/bin/sh", "-c",
             "echo 1 >/proc/sys/net/ipv6/conf/" + network::BridgeName(tenant) + "/disable_ipv6"});
        tenants.push_back(SpecOf(tenant));
        tenants.back().prefix = kPool.PrefixOf(tenant);
      }
      // As somebody else on the host may have it.
      RunOrFail({"/bin/sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"});
    });
    const absl::Status guarded = Guard(kernel_, tenants);
    if (!guarded.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << guarded;
    Settle(*web_, kWeb, kGateway);
    Settle(*db_, kDb, kGateway);
    Settle(*rival_, kRival, kRivalGateway);
  }

  static void Settle(const NetNamespace& machine, const std::string& address,
                     const std::string& gateway) {
    machine.Ip("addr add " + address + "/64 dev eth0 nodad");
    machine.Ip("route add default via " + gateway);
  }

  // Leaves the tables alone.
  void Unguard() {
    for (const char* interface : {"fv-0ad50400", "fv-0ad50500", "web", "db", "rival"}) {
      host_->Ip(std::string("link set ") + interface + " up");
      host_->Run([&] { RunOrFail({"/usr/sbin/tc", "qdisc", "del", "dev", interface, "clsact"}); });
    }
  }

  network::Traffic Counted(const network::Ipv4Subnet& tenant = kAcme) {
    network::Traffic traffic;
    host_->Run([&] { traffic = *kernel_.GetTraffic(tenant); });
    return traffic;
  }

  fakes::FakeLog log_;
  network::KernelNetwork kernel_{{.uplink = "up0",
                                  .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                                  .pool6 = kPool,
                                  .counts_path = "/no/bpf/counts"},
                                 log_};
};

}  // namespace flatvm::integration
