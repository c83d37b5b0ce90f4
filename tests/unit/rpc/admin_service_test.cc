#include "daemon/rpc/admin_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flatvm/internal/rpc_status.pb.h"
#include "tests/support/broker_world.h"

namespace flatvm::rpc {
namespace {

using ::testing::ElementsAre;

class AdminServiceTest : public ::testing::Test {
 protected:
  static v1::CreateTenantRequest AddAcme() {
    v1::CreateTenantRequest request;
    request.set_name("acme");
    request.set_primary("acme-primary");
    request.mutable_limits()->set_memory_mib(4096);
    request.mutable_limits()->set_vcpus(4);
    request.mutable_limits()->set_vms(8);
    request.mutable_limits()->set_disk_mib(1024);
    return request;
  }

  static v1::ErrorDetail Detail(const grpc::Status& status) {
    internal::RpcStatus details;
    v1::ErrorDetail detail;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    EXPECT_EQ(details.details_size(), 1);
    EXPECT_TRUE(details.details(0).UnpackTo(&detail));
    return detail;
  }

  broker::FakeHost host_;
  broker::BrokerWorld world_{host_};
  AdminService service_{world_.tenants,   world_.updates, world_.networks, world_.vms,
                        world_.directory, host_.log,      host_.clock};
  grpc::ServerContext context_;
};

TEST_F(AdminServiceTest, AddsShowsListsAndRemovesATenant) {
  const v1::CreateTenantRequest add = AddAcme();
  v1::CreateTenantResponse added;
  ASSERT_TRUE(service_.CreateTenant(&context_, &add, &added).ok());
  EXPECT_EQ(added.tenant().primary().domain(), "acme-primary");
  EXPECT_EQ(added.tenant().slice(), "flatvm-acme.slice");

  v1::ListTenantsRequest list;
  v1::ListTenantsResponse listed;
  ASSERT_TRUE(service_.ListTenants(&context_, &list, &listed).ok());
  EXPECT_EQ(listed.tenants_size(), 1);

  v1::ShowTenantRequest show;
  show.set_name("acme");
  v1::ShowTenantResponse shown;
  ASSERT_TRUE(service_.ShowTenant(&context_, &show, &shown).ok());
  EXPECT_EQ(shown.tenant().name(), "acme");

  v1::RemoveTenantRequest remove;
  remove.set_name("acme");
  v1::RemoveTenantResponse removed;
  ASSERT_TRUE(service_.RemoveTenant(&context_, &remove, &removed).ok());
  EXPECT_EQ(Detail(service_.ShowTenant(&context_, &show, &shown)).reason(), v1::TENANT_NOT_FOUND);
}

TEST_F(AdminServiceTest, AddsListsAndRemovesANetwork) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  v1::AddNetworkRequest add;
  add.set_tenant("acme");
  add.set_name("storage");
  add.set_validate_only(true);
  v1::AddNetworkResponse added;
  ASSERT_TRUE(service_.AddNetwork(&context_, &add, &added).ok());
  EXPECT_EQ(added.network().mode(), v1::NETWORK_ISOLATED) << "nothing else was said";
  EXPECT_EQ(added.network().subnet(), "");
  add.set_validate_only(false);
  ASSERT_TRUE(service_.AddNetwork(&context_, &add, &added).ok());
  EXPECT_EQ(added.network().subnet(), "10.213.1.0/24");
  EXPECT_EQ(added.network().gateway(), "10.213.1.1");
  EXPECT_EQ(added.network().ipv6_subnet(), "fd12:3456:78d5:100::/64");
  EXPECT_EQ(added.network().network(), "flatvm-acme.storage");
  EXPECT_EQ(added.network().domain(), "storage.acme.internal");
  add.set_name("other");
  add.set_mode(static_cast<v1::NetworkMode>(99));
  EXPECT_EQ(Detail(service_.AddNetwork(&context_, &add, &added)).field(), "mode");

  v1::ListNetworksRequest list;
  list.set_tenant("acme");
  v1::ListNetworksResponse listed;
  ASSERT_TRUE(service_.ListNetworks(&context_, &list, &listed).ok());
  ASSERT_EQ(listed.networks_size(), 2);
  EXPECT_EQ(listed.networks(0).name(), "default");
  EXPECT_EQ(listed.networks(0).mode(), v1::NETWORK_NAT);
  EXPECT_EQ(listed.networks(0).network(), "flatvm-acme");
  EXPECT_TRUE(listed.networks(0).has_traffic());
  EXPECT_EQ(listed.networks(1).name(), "storage");
  EXPECT_TRUE(listed.networks(1).has_traffic());

  v1::ShowTenantRequest show;
  show.set_name("acme");
  v1::ShowTenantResponse shown;
  ASSERT_TRUE(service_.ShowTenant(&context_, &show, &shown).ok());
  ASSERT_EQ(shown.tenant().networks_size(), 1);
  EXPECT_EQ(shown.tenant().networks(0).name(), "storage");

  v1::RemoveNetworkRequest remove;
  remove.set_tenant("acme");
  remove.set_name("storage");
  v1::RemoveNetworkResponse removed;
  ASSERT_TRUE(service_.RemoveNetwork(&context_, &remove, &removed).ok());
  const v1::ErrorDetail gone = Detail(service_.RemoveNetwork(&context_, &remove, &removed));
  EXPECT_EQ(gone.reason(), v1::NETWORK_NOT_FOUND);
  EXPECT_EQ(gone.field(), "name");
}

TEST_F(AdminServiceTest, AddsANetworkOnABridge) {
  host_.networks.AddBridge("br0", true);
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  v1::AddNetworkRequest add;
  add.set_tenant("acme");
  add.set_name("lan");
  add.set_mode(v1::NETWORK_BRIDGE);
  add.set_bridge("br9");
  v1::AddNetworkResponse added;
  EXPECT_EQ(Detail(service_.AddNetwork(&context_, &add, &added)).reason(), v1::BRIDGE_UNUSABLE);
  add.set_bridge("br0");
  add.set_vlan(100);
  ASSERT_TRUE(service_.AddNetwork(&context_, &add, &added).ok());
  EXPECT_EQ(added.network().mode(), v1::NETWORK_BRIDGE);
  EXPECT_EQ(added.network().bridge(), "br0");
  EXPECT_EQ(added.network().vlan(), 100U);
  EXPECT_EQ(added.network().subnet(), "");
  EXPECT_EQ(added.network().domain(), "");
  EXPECT_EQ(added.network().network(), "");
}

TEST_F(AdminServiceTest, ValidatesATenantWithoutMakingIt) {
  v1::CreateTenantRequest add = AddAcme();
  add.set_validate_only(true);
  host_.hypervisor.StartPrimary("acme-primary");
  v1::CreateTenantResponse response;
  ASSERT_TRUE(service_.CreateTenant(&context_, &add, &response).ok());
  EXPECT_EQ(response.tenant().name(), "acme");
  EXPECT_THAT(response.needs_restart(), ElementsAre("vsock", "partition", "nic"));
  EXPECT_TRUE(world_.directory.ListTenants().empty());
}

TEST_F(AdminServiceTest, ChangesCeilingsOfANetworkOneByOne) {
  v1::CreateTenantRequest add = AddAcme();
  add.mutable_net()->set_out_bytes(100'000);
  add.mutable_net()->set_in_bytes(200'000);
  add.mutable_net()->set_vm_out_bytes(300'000);
  v1::CreateTenantResponse added;
  ASSERT_TRUE(service_.CreateTenant(&context_, &add, &added).ok());
  EXPECT_EQ(added.tenant().net().out_bytes(), 100'000U);
  v1::UpdateTenantRequest update;
  update.set_name("acme");
  update.mutable_net()->set_out_bytes(0);
  update.mutable_net()->set_vm_in_bytes(400'000);
  v1::UpdateTenantResponse updated;
  ASSERT_TRUE(service_.UpdateTenant(&context_, &update, &updated).ok());
  const v1::NetworkLimits& net = updated.tenant().net();
  EXPECT_EQ(net.out_bytes(), 0U);
  EXPECT_EQ(net.in_bytes(), 200'000U);
  EXPECT_EQ(net.vm_out_bytes(), 300'000U);
  EXPECT_EQ(net.vm_in_bytes(), 400'000U);
  update.mutable_net()->set_in_bytes(1);
  EXPECT_EQ(Detail(service_.UpdateTenant(&context_, &update, &updated)).field(), "net.in_bytes");
}

TEST_F(AdminServiceTest, FindsASecondaryByTenantAndNameOrById) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  const auto vm = world_.Create("acme", broker::WebSpec());
  ASSERT_TRUE(vm.ok());

  v1::ShowAnyVmRequest show;
  v1::ShowAnyVmResponse shown;
  show.set_vm("web");
  EXPECT_EQ(Detail(service_.ShowAnyVm(&context_, &show, &shown)).field(), "tenant");
  show.set_tenant("acme");
  ASSERT_TRUE(service_.ShowAnyVm(&context_, &show, &shown).ok());
  EXPECT_EQ(shown.domain(), "flatvm-acme.web");
  EXPECT_NE(shown.console_log(), "");
  show.clear_tenant();
  show.set_vm(vm->id);
  EXPECT_TRUE(service_.ShowAnyVm(&context_, &show, &shown).ok());
  EXPECT_EQ(shown.vm().tenant(), "acme");
}

TEST_F(AdminServiceTest, DestroysASecondaryOfAnyTenant) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  const auto vm = world_.Create("acme", broker::WebSpec());
  ASSERT_TRUE(vm.ok());
  v1::DestroyAnyVmRequest destroy;
  destroy.set_vm(vm->id);
  v1::DestroyAnyVmResponse destroyed;
  ASSERT_TRUE(service_.DestroyAnyVm(&context_, &destroy, &destroyed).ok());
  EXPECT_EQ(destroyed.vm().name(), "web");
  EXPECT_EQ(Detail(service_.DestroyAnyVm(&context_, &destroy, &destroyed)).reason(),
            v1::VM_NOT_FOUND);
}

TEST_F(AdminServiceTest, ListsSecondariesOfAllTenantsOrOfOne) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  ASSERT_TRUE(world_.AddTenant("globex").ok());
  ASSERT_TRUE(world_.Create("acme", broker::WebSpec()).ok());
  ASSERT_TRUE(world_.Create("globex", broker::WebSpec()).ok());
  v1::ListAllVmsRequest list;
  v1::ListAllVmsResponse all;
  ASSERT_TRUE(service_.ListAllVms(&context_, &list, &all).ok());
  EXPECT_EQ(all.vms_size(), 2);
  list.set_tenant("globex");
  v1::ListAllVmsResponse one;
  ASSERT_TRUE(service_.ListAllVms(&context_, &list, &one).ok());
  ASSERT_EQ(one.vms_size(), 1);
  EXPECT_EQ(one.vms(0).tenant(), "globex");
}

}  // namespace
}  // namespace flatvm::rpc
