#include "daemon/rpc/convert.h"

#include <gtest/gtest.h>

#include <map>

#include "daemon/base/error.h"

namespace flatvm::rpc {
namespace {

using R = base::Reason;

// The two enums are one list: a reason that only one of them has fails here.
TEST(Convert, ReasonsAreTheSameOnBothSides) {
  const std::map<std::string, R> ours = {
      {"REASON_UNSPECIFIED", R::kUnspecified},
      {"FIELD_MISSING", R::kFieldMissing},
      {"FIELD_OUT_OF_RANGE", R::kFieldOutOfRange},
      {"FIELD_MALFORMED", R::kFieldMalformed},
      {"MESSAGE_MALFORMED", R::kMessageMalformed},
      {"MESSAGE_TOO_LARGE", R::kMessageTooLarge},
      {"VM_NOT_FOUND", R::kVmNotFound},
      {"TENANT_NOT_FOUND", R::kTenantNotFound},
      {"IMAGE_NOT_FOUND", R::kImageNotFound},
      {"PRIMARY_NOT_DEFINED", R::kPrimaryNotDefined},
      {"VOLUME_NOT_FOUND", R::kVolumeNotFound},
      {"NETWORK_NOT_FOUND", R::kNetworkNotFound},
      {"VM_NAME_TAKEN", R::kVmNameTaken},
      {"VOLUME_NAME_TAKEN", R::kVolumeNameTaken},
      {"TENANT_EXISTS", R::kTenantExists},
      {"REQUEST_ID_REUSED", R::kRequestIdReused},
      {"PRIMARY_HAS_TENANT", R::kPrimaryHasTenant},
      {"IMAGE_EXISTS", R::kImageExists},
      {"NETWORK_NAME_TAKEN", R::kNetworkNameTaken},
      {"IMAGE_IN_USE", R::kImageInUse},
      {"NO_QUOTA_DISK", R::kNoQuotaDisk},
      {"QUOTA_DISK_UNUSABLE", R::kQuotaDiskUnusable},
      {"QUOTA_DISK_FULL", R::kQuotaDiskFull},
      {"QUOTA_PATH_UNUSABLE", R::kQuotaPathUnusable},
      {"NOT_FROM_QUOTA_DISK", R::kNotFromQuotaDisk},
      {"HOST_UNFIT", R::kHostUnfit},
      {"IMAGE_INCOMPLETE", R::kImageIncomplete},
      {"CHECKSUM_MISMATCH", R::kChecksumMismatch},
      {"TENANT_IMPORT_LIMIT", R::kTenantImportLimit},
      {"PORT_TAKEN", R::kPortTaken},
      {"NETWORK_IN_USE", R::kNetworkInUse},
      {"BRIDGE_UNUSABLE", R::kBridgeUnusable},
      {"TENANT_HAS_SECONDARIES", R::kTenantHasSecondaries},
      {"PRIMARY_NOT_RUNNING", R::kPrimaryNotRunning},
      {"PRIMARY_RESTARTED", R::kPrimaryRestarted},
      {"IMAGE_UNUSABLE", R::kImageUnusable},
      {"PRIMARY_TOO_LARGE", R::kPrimaryTooLarge},
      {"PRIMARY_NEEDS_RESTART", R::kPrimaryNeedsRestart},
      {"PRIMARY_KEEPS_MEMORY", R::kPrimaryKeepsMemory},
      {"TENANT_LIMITS_IN_USE", R::kTenantLimitsInUse},
      {"CPUS_TAKEN", R::kCpusTaken},
      {"VOLUME_IN_USE", R::kVolumeInUse},
      {"TENANT_HAS_VOLUMES", R::kTenantHasVolumes},
      {"PRIMARY_KEEPS_DISK", R::kPrimaryKeepsDisk},
      {"PRIMARY_HAS_NO_SLOT", R::kPrimaryHasNoSlot},
      {"TENANT_MEMORY_LIMIT", R::kTenantMemoryLimit},
      {"TENANT_VCPU_LIMIT", R::kTenantVcpuLimit},
      {"TENANT_VM_LIMIT", R::kTenantVmLimit},
      {"TENANT_DISK_LIMIT", R::kTenantDiskLimit},
      {"TENANT_CONNECTION_LIMIT", R::kTenantConnectionLimit},
      {"TENANT_CALL_LIMIT", R::kTenantCallLimit},
      {"SUBNET_POOL_EMPTY", R::kSubnetPoolEmpty},
      {"SUBNET_FULL", R::kSubnetFull},
      {"CID_RANGE_EMPTY", R::kCidRangeEmpty},
      {"TENANT_NETWORK_LIMIT", R::kTenantNetworkLimit},
      {"CHANGE_IN_FLIGHT", R::kChangeInFlight},
      {"POLICY_FORBIDS", R::kPolicyForbids},
      {"HYPERVISOR_UNAVAILABLE", R::kHypervisorUnavailable},
      {"DAEMON_RESTARTED", R::kDaemonRestarted},
      {"BROKER_UNREACHABLE", R::kBrokerUnreachable},
      {"SERVICE_MANAGER_UNAVAILABLE", R::kServiceManagerUnavailable},
      {"STAGE_TIMED_OUT", R::kStageTimedOut},
      {"METHOD_UNIMPLEMENTED", R::kMethodUnimplemented},
      {"INTERNAL_ERROR", R::kInternalError},
  };
  const auto* wire = v1::Reason_descriptor();
  EXPECT_EQ(ours.size(), static_cast<size_t>(wire->value_count()));
  for (int i = 0; i < wire->value_count(); ++i) {
    const auto it = ours.find(wire->value(i)->name());
    ASSERT_NE(it, ours.end()) << wire->value(i)->name();
    EXPECT_EQ(static_cast<int>(it->second), wire->value(i)->number()) << it->first;
  }
}

TEST(Convert, PutsAnErrorsNumbersIntoTheDetail) {
  const absl::Status status = base::MakeError(absl::StatusCode::kResourceExhausted,
                                              base::ErrorInfo{.reason = R::kTenantDiskLimit,
                                                              .limit = "disk_mib",
                                                              .limit_value = 10,
                                                              .asked = 4,
                                                              .used = 8,
                                                              .left = 2},
                                              "full");
  const v1::ErrorDetail detail = DetailOf(status, "req-1");
  EXPECT_EQ(detail.reason(), v1::TENANT_DISK_LIMIT);
  EXPECT_EQ(detail.limit(), "disk_mib");
  EXPECT_EQ(detail.limit_value(), 10U);
  EXPECT_EQ(detail.asked(), 4U);
  EXPECT_EQ(detail.used(), 8U);
  EXPECT_EQ(detail.left(), 2U);
  EXPECT_EQ(detail.request_id(), "req-1");
}

broker::TenantView View() {
  broker::TenantView view;
  view.record.name = "acme";
  view.record.primary_domain = "acme-primary";
  view.record.primary_uuid = "11111111-2222-4333-8444-555555555555";
  view.record.cid = base::VsockCid{1000};
  view.record.subnet = {.address = {0x0AD50000}, .prefix_length = 24};
  view.record.ceilings = {.out = 65536, .in = 65537, .vm_out = 65538, .vm_in = 65539};
  view.traffic = network::Traffic{.accepted = 5,
                                  .spoofed = 3,
                                  .refused = 2,
                                  .exceeded = {.out = 11, .in = 12, .vm_out = 13, .vm_in = 14}};
  view.primary_state = broker::PrimaryState::kRunning;
  return view;
}

TEST(Convert, TellsAPrimaryNothingOfTheHost) {
  v1::Tenant tenant;
  FillTenant(View(), Audience::kPrimary, &tenant);
  EXPECT_EQ(tenant.name(), "acme");
  EXPECT_EQ(tenant.primary().cid(), 1000U);
  EXPECT_EQ(tenant.primary().domain(), "");
  EXPECT_EQ(tenant.primary().uuid(), "");
  EXPECT_EQ(tenant.network(), "");
  EXPECT_EQ(tenant.slice(), "");
  EXPECT_FALSE(tenant.has_traffic());
  EXPECT_EQ(tenant.net().out_bytes(), 65536U) << "its own limits it may know";
}

TEST(Convert, TellsBothOfIpv6IfThereIsAny) {
  for (const Audience audience : {Audience::kPrimary, Audience::kOperator}) {
    broker::TenantView view = View();
    view.record.mac = "52:54:00:d5:00:02";
    v1::Tenant without;
    FillTenant(view, audience, &without);
    EXPECT_EQ(without.ipv6_subnet() + without.ipv6_gateway() + without.primary().ipv6_address(),
              "");
    view.record.prefix = *network::ParseIpv6Prefix("test", "fd12:3456:789a:1::/64");
    v1::Tenant tenant;
    FillTenant(view, audience, &tenant);
    EXPECT_EQ(tenant.ipv6_subnet(), "fd12:3456:789a:1::/64");
    EXPECT_EQ(tenant.ipv6_gateway(), "fd12:3456:789a:1::1");
    EXPECT_EQ(tenant.primary().ipv6_address(), "fd12:3456:789a:1:5054:ff:fed5:2");
  }
}

TEST(Convert, TellsASecondarysIpv6Address) {
  broker::VmRecord record;
  record.id = "0123abcd-4567-489a-bcde-f0123456789a";
  v1::Vm without;
  FillVm(record, &without);
  EXPECT_EQ(without.ipv6_address(), "");
  record.ipv6_address = *network::ParseIpv6Address("test", "fd12:3456:789a:1:5054:ff:fed5:3");
  v1::Vm vm;
  FillVm(record, &vm);
  EXPECT_EQ(vm.ipv6_address(), "fd12:3456:789a:1:5054:ff:fed5:3");
}

TEST(Convert, TellsTheOperatorWhereTheTenantIs) {
  v1::Tenant tenant;
  FillTenant(View(), Audience::kOperator, &tenant);
  EXPECT_EQ(tenant.primary().domain(), "acme-primary");
  EXPECT_EQ(tenant.network(), "flatvm-acme");
  EXPECT_EQ(tenant.slice(), "flatvm-acme.slice");
  EXPECT_EQ(tenant.traffic().accepted(), 5U);
  EXPECT_EQ(tenant.traffic().spoofed(), 3U);
  EXPECT_EQ(tenant.traffic().refused(), 2U);
  EXPECT_EQ(tenant.traffic().exceeded().out(), 11U);
  EXPECT_EQ(tenant.traffic().exceeded().in(), 12U);
  EXPECT_EQ(tenant.traffic().exceeded().vm_out(), 13U);
  EXPECT_EQ(tenant.traffic().exceeded().vm_in(), 14U);
  EXPECT_EQ(tenant.net().in_bytes(), 65537U);
  EXPECT_EQ(tenant.net().vm_out_bytes(), 65538U);
  EXPECT_EQ(tenant.net().vm_in_bytes(), 65539U);
}

TEST(Convert, GivesAValidatedCreateNoPlaceInTheWorld) {
  broker::VmRecord record;
  record.spec.name = "web";
  v1::Vm vm;
  FillVm(record, &vm);
  EXPECT_EQ(vm.name(), "web");
  EXPECT_EQ(vm.address(), "");
  EXPECT_EQ(vm.mac(), "");
  EXPECT_EQ(vm.cid(), 0U);
  record.spec.networks = {"storage"};
  v1::Vm on_storage;
  FillVm(record, &on_storage);
  ASSERT_EQ(on_storage.nics_size(), 2);
  EXPECT_EQ(on_storage.nics(1).network(), "storage");
  EXPECT_EQ(on_storage.nics(1).address(), "");
}

TEST(Convert, TellsAllNicsTheFirstOneFirst) {
  v1::VmSpec wire;
  wire.add_networks("storage");
  EXPECT_THAT(SpecOf(wire).networks, testing::ElementsAre("storage"));
  broker::VmRecord record;
  record.id = "0123abcd-4567-489a-bcde-f0123456789a";
  record.mac = "52:54:00:d5:00:03";
  record.address = {0x0AD50003};
  record.nics = {{.network = "storage", .mac = "52:54:00:d5:01:02", .address = {0x0AD50102}}};
  record.nics[0].ipv6_address = *network::ParseIpv6Address("test", "fd12::2");
  v1::Vm vm;
  FillVm(record, &vm);
  ASSERT_EQ(vm.nics_size(), 2);
  EXPECT_EQ(vm.nics(0).network(), "default");
  EXPECT_EQ(vm.nics(0).mac(), vm.mac());
  EXPECT_EQ(vm.nics(0).address(), vm.address());
  EXPECT_EQ(vm.nics(1).network(), "storage");
  EXPECT_EQ(vm.nics(1).mac(), "52:54:00:d5:01:02");
  EXPECT_EQ(vm.nics(1).address(), "10.213.1.2");
  EXPECT_EQ(vm.nics(1).ipv6_address(), "fd12::2");
}

TEST(Convert, TellsAPrimaryOfItsTenantsNetworksButNotOfTheHosts) {
  broker::TenantView view = View();
  view.record.networks = {
      {.name = "storage", .subnet = *network::ParseIpv4Subnet("test", "10.213.1.0/24")}};
  v1::Tenant tenant;
  FillTenant(view, Audience::kPrimary, &tenant);
  ASSERT_EQ(tenant.networks_size(), 1);
  EXPECT_EQ(tenant.networks(0).name(), "storage");
  EXPECT_EQ(tenant.networks(0).mode(), v1::NETWORK_ISOLATED);
  EXPECT_EQ(tenant.networks(0).gateway(), "10.213.1.1");
  EXPECT_EQ(tenant.networks(0).ipv6_subnet(), "");
  EXPECT_EQ(tenant.networks(0).domain(), "storage.acme.internal");
  EXPECT_EQ(tenant.networks(0).network(), "");
  view.record.networks = {
      {.name = "lan", .mode = network::NetworkMode::kBridge, .bridge = "br0", .vlan = 100}};
  v1::Tenant on_bridge;
  FillTenant(view, Audience::kPrimary, &on_bridge);
  EXPECT_EQ(on_bridge.networks(0).mode(), v1::NETWORK_BRIDGE);
  EXPECT_EQ(on_bridge.networks(0).bridge(), "");
  EXPECT_EQ(on_bridge.networks(0).vlan(), 0U);
}

}  // namespace
}  // namespace flatvm::rpc
