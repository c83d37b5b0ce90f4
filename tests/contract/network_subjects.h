// What the contract suites of TenantNetworks run on: the fake, and the real one on libvirt's own
// in-memory driver and on bridges in memory.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "network/bridged_networks.h"
#include "tests/fakes/fake_network.h"
#include "tests/fakes/fake_operator_bridges.h"
#include "tests/fakes/network_world.h"

namespace flatvm::network {

// An implementation and what it stands on.
class Subject {
 public:
  virtual ~Subject() = default;
  // Of a host that has the bridge br0, which filters VLANs, and no br9.
  virtual TenantNetworks& networks() = 0;
};

class FakeSubject final : public Subject {
 public:
  FakeSubject() { networks_.AddBridge("br0", true); }
  TenantNetworks& networks() override { return networks_; }

 private:
  fakes::FakeNetworks networks_;
};

class LibvirtSubject final : public Subject {
 public:
  TenantNetworks& networks() override { return networks_; }

 private:
  fakes::NetworkWorld world_;
  fakes::FakeOperatorBridges bridges_{{"br0"}};
  BridgedNetworks networks_{world_.networks, bridges_};
};

struct Implementation {
  const char* name;
  std::unique_ptr<Subject> (*make)();
};

inline const Implementation kImplementations[] = {
    {"Fake", []() -> std::unique_ptr<Subject> { return std::make_unique<FakeSubject>(); }},
    {"LibvirtTestDriver",
     []() -> std::unique_ptr<Subject> { return std::make_unique<LibvirtSubject>(); }}};

class NetworkContract : public ::testing::TestWithParam<Implementation> {
 protected:
  TenantNetworks& networks() { return subject_->networks(); }

  // That `lease` is held is seen from outside by this: another lease cannot have its address.
  bool Holds(const NetworkId& id, const Lease& lease) {
    const Lease other{.hostname = "probe", .mac = "52:54:00:ff:ff:ff", .address = lease.address};
    if (!networks().AddLease(id, other).ok()) return true;
    EXPECT_EQ(networks().RemoveLease(id, other), absl::OkStatus());
    return false;
  }

  const NetworkSpec acme_{
      .tenant = "acme",
      .subnet = *ParseIpv4Subnet("test", "10.213.4.0/24"),
      .leases = {{.hostname = "primary", .mac = "52:54:00:d5:04:02", .address = {0x0AD50402U}}}};
  const NetworkSpec globex_{
      .tenant = "globex",
      .subnet = *ParseIpv4Subnet("test", "10.213.5.0/24"),
      .leases = {{.hostname = "primary", .mac = "52:54:00:d5:05:02", .address = {0x0AD50502U}}}};
  const NetworkSpec storage_{.tenant = "acme",
                             .network = "storage",
                             .subnet = *ParseIpv4Subnet("test", "10.213.6.0/24"),
                             .mode = NetworkMode::kIsolated};
  const NetworkSpec lan_{.tenant = "acme",
                         .network = "lan",
                         .subnet = acme_.subnet,
                         .mode = NetworkMode::kBridge,
                         .bridge = "br0",
                         .vlan = 100};
  const Lease web_{.hostname = "web", .mac = "52:54:00:d5:04:03", .address = {0x0AD50403U}};

 private:
  const std::unique_ptr<Subject> subject_ = GetParam().make();
};

}  // namespace flatvm::network
