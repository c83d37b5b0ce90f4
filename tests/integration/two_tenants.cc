#include "tests/integration/two_tenants.h"

#include "daemon/base/str_cat.h"
#include "network/address_pool.h"
#include "network/tenant_networks.h"

namespace flatvm::integration {

using network::Ipv4Subnet;

network::NetworkSpec SpecOf(const Ipv4Subnet& subnet) {
  network::NetworkSpec spec{.tenant = "tenant", .subnet = subnet};
  const std::vector<std::string> names =
      subnet == kAcme ? std::vector<std::string>{"web", "db"} : std::vector<std::string>{"rival"};
  network::AddressPool addresses(subnet);
  for (const std::string& name : names) {
    const network::Ipv4Address address = *addresses.Allocate();
    spec.leases.push_back({.hostname = name, .mac = network::MacFor(address), .address = address});
  }
  return spec;
}

void TwoTenants::SetUp() {
  host_ = NetNamespace::Make();
  if (host_ == nullptr) GTEST_SKIP() << "needs root: no network namespace can be made";
  absl::Status probe;
  host_->Run([&] { probe = nft_.Run("add table inet probe; delete table inet probe"); });
  if (!probe.ok()) GTEST_SKIP() << "the kernel has no nf_tables here: " << probe;
  MakeBridge(kAcme);
  MakeBridge(kGlobex);
  web_ = AttachMachine("web", kAcme, "10.213.4.2");
  db_ = AttachMachine("db", kAcme, "10.213.4.3");
  rival_ = AttachMachine("rival", kGlobex, "10.213.5.2");
  outside_ = NetNamespace::Make();
  host_->Ip("link add up0 type veth peer name eth0 netns " + outside_->Path());
  host_->Ip("addr add 192.0.2.1/24 dev up0");
  host_->Ip("link set up0 up");
  outside_->Ip("addr add 192.0.2.2/24 dev eth0");
  outside_->Ip("link set eth0 up");
  host_->Run([] { RunOrFail({"/bin/sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"}); });
  // A link that is not up yet would be as silent as a filter.
  ASSERT_TRUE(Arrives(*web_, *host_, "10.213.4.1"));
  ASSERT_TRUE(Arrives(*db_, *host_, "10.213.4.1"));
  ASSERT_TRUE(Arrives(*rival_, *host_, "10.213.5.1"));
  ASSERT_TRUE(Arrives(*outside_, *host_, "192.0.2.1"));
}

void TwoTenants::Load(const std::string& commands) {
  host_->Run([&] {
    const absl::Status status = nft_.Run(commands);
    ASSERT_TRUE(status.ok()) << status;
  });
}

bool TwoTenants::Arrives(const NetNamespace& sender, const NetNamespace& receiver,
                         const std::string& to, uint16_t port) {
  return SendProbe({.sender = sender, .receiver = receiver, .to = to, .to_port = port},
                   Expect::kArrival)
      .has_value();
}

bool TwoTenants::IsSilent(const NetNamespace& sender, const NetNamespace& receiver,
                          const std::string& to, uint16_t port, const std::string& from) {
  return !SendProbe(
              {.sender = sender, .from = from, .receiver = receiver, .to = to, .to_port = port},
              Expect::kSilence)
              .has_value();
}

void TwoTenants::MakeBridge(const Ipv4Subnet& subnet) {
  const std::string bridge = network::BridgeName(subnet);
  host_->Ip(base::StrCat("link add ", bridge, " type bridge forward_delay 0 stp_state 0"));
  host_->Ip(base::StrCat("addr add ", subnet.Gateway().ToString(), "/", subnet.prefix_length,
                         " dev ", bridge));
  host_->Ip(base::StrCat("link set ", bridge, " up"));
}

absl::Status TwoTenants::Guard(network::KernelNetwork& kernel,
                               const std::vector<network::NetworkSpec>& tenants) {
  absl::Status guarded;
  host_->Run([&] {
    for (const network::NetworkSpec& tenant : tenants) {
      ASSERT_EQ(kernel.EnsureFilter(tenant), absl::OkStatus());
      guarded.Update(kernel.EnsureGuard(tenant));
    }
  });
  return guarded;
}

std::unique_ptr<NetNamespace> TwoTenants::AttachMachine(const std::string& tap,
                                                        const Ipv4Subnet& subnet,
                                                        const std::string& address) {
  std::unique_ptr<NetNamespace> machine = NetNamespace::Make();
  host_->Ip(base::StrCat("link add ", tap, " type veth peer name eth0 netns ", machine->Path()));
  host_->Ip(base::StrCat("link set ", tap, " master ", network::BridgeName(subnet), " up"));
  machine->Ip(base::StrCat("addr add ", address, "/", subnet.prefix_length, " dev eth0"));
  // As libvirt has the two ends.
  const std::string mac = network::MacFor(*network::ParseIpv4Address("test", address));
  host_->Ip(base::StrCat("link set ", tap, " address fe", mac.substr(2)));
  machine->Ip("link set eth0 address " + mac);
  machine->Ip("link set eth0 up");
  machine->Ip("route add default via " + subnet.Gateway().ToString());
  return machine;
}

}  // namespace flatvm::integration
