// What the broker makes of IPv6: an address for each of a tenant's machines.
#include <gtest/gtest.h>

#include "daemon/broker/reconciler.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

class BrokerIpv6Test : public ::testing::Test {
 protected:
  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(BrokerIpv6Test, GivesASecondaryTheAddressThatFollowsFromItsMac) {
  const auto tenant = world_.AddTenant("acme");
  ASSERT_TRUE(tenant.ok()) << tenant.status();
  ASSERT_TRUE(tenant->tenant.prefix.has_value());
  const auto vm = world_.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(vm->ipv6_address, network::AddressOf(*tenant->tenant.prefix, vm->mac));
  EXPECT_EQ(host_.records.Vms().at(vm->id).ipv6_address, vm->ipv6_address);
}

// With network.ipv6_pool "none" there is no pool.
TEST_F(BrokerIpv6Test, GivesATenantNoPrefixWithoutAPool) {
  TenantLifecycle tenants(world_.settings, world_.ports, world_.registry, world_.cids,
                          world_.carver,
                          network::SubnetPool({.address = {0x0AD50000}, .prefix_length = 16}, 24),
                          world_.vms, world_.volumes, world_.quota_moves, world_.images);
  const auto tenant =
      tenants.Create({.name = "acme",
                      .primary = "acme-primary",
                      .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 1024},
                      .restart = PrimaryRestart::kRestart});
  ASSERT_TRUE(tenant.ok()) << tenant.status();
  EXPECT_EQ(tenant->tenant.prefix, std::nullopt);
  EXPECT_EQ(host_.records.Tenants().at("acme").prefix, std::nullopt);
  EXPECT_EQ(host_.networks.Snapshot().at("acme").prefix, std::nullopt);
}

TEST_F(BrokerIpv6Test, RemovesANetworkWithThePrefixOfItsRecord) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  const std::optional<network::Ipv6Prefix> prefix = host_.records.Tenants().at("acme").prefix;
  ASSERT_TRUE(prefix.has_value());
  ASSERT_TRUE(world_.tenants.Remove({.name = "acme"}).ok());
  EXPECT_EQ(host_.networks.removed_prefixes().at("acme"), prefix);
}

TEST_F(BrokerIpv6Test, UndoesANetworkWithItsPrefix) {
  host_.hypervisor.FailNext("AttachPrimary", base::InternalError("ordered"));
  ASSERT_FALSE(world_.AddTenant("acme").ok());
  EXPECT_TRUE(host_.networks.removed_prefixes().at("acme").has_value());
}

// Those of an earlier flatvmd.
TEST_F(BrokerIpv6Test, GivesNoneInATenantWithoutAPrefix) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  TenantRecord old = host_.records.Tenants().at("acme");
  old.prefix.reset();
  ASSERT_TRUE(host_.records.PutTenant(old).ok());
  BrokerWorld restarted(host_);
  ASSERT_TRUE(restarted.reconciler.ReconcileAtStart(*host_.records.Load()).ok());
  const auto vm = restarted.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(vm->ipv6_address, std::nullopt);
}

}  // namespace
}  // namespace flatvm::broker
