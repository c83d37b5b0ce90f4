// What Client makes of a host's answer about its tenant.
#include <gtest/gtest.h>

#include <limits>

#include "flatvm/client.h"
#include "guestlib/src/client_impl.h"
#include "tests/unit/guestlib/broker_host.h"

namespace flatvm::guestlib {
namespace {

class ClientTenantTest : public testing::Test {
 protected:
  BrokerHost host_;
  FakeWorld world_;
  Client client_ =
      ClientImpl::MakeClient({}, world_.Make([this](int /*attempt*/) { return host_.Connect(); }));
};

TEST_F(ClientTenantTest, TellsOfTheTenant) {
  host_.service.get_tenant = [&](const v1::GetTenantRequest&, v1::GetTenantResponse* response) {
    v1::Tenant* tenant = response->mutable_tenant();
    tenant->set_name("acme");
    tenant->mutable_limits()->set_memory_mib(4096);
    tenant->mutable_used()->set_vcpus(2);
    tenant->mutable_left()->set_vms(7);
    tenant->mutable_left()->set_disk_mib(20480);
    tenant->mutable_primary()->set_state(v1::PRIMARY_RUNNING);
    tenant->mutable_primary()->set_cid(5);
    tenant->mutable_primary()->set_mac("52:54:00:00:00:01");
    tenant->mutable_primary()->set_address("10.213.4.2");
    tenant->mutable_primary()->set_needs_restart(true);
    tenant->set_subnet("10.213.4.0/24");
    tenant->set_network_mode(v1::NETWORK_ISOLATED);
    tenant->mutable_net()->set_out_bytes(5);
    tenant->mutable_net()->set_in_bytes(6);
    tenant->mutable_net()->set_vm_out_bytes(7);
    tenant->mutable_net()->set_vm_in_bytes(8);
    tenant->set_gateway("10.213.4.1");
    tenant->set_ipv6_subnet("fd12:3456:789a:4::/64");
    tenant->set_ipv6_gateway("fd12:3456:789a:4::1");
    tenant->mutable_primary()->set_ipv6_address("fd12:3456:789a:4:5054:ff:fed5:402");
    v1::Network* network = tenant->add_networks();
    network->set_name("storage");
    network->set_mode(v1::NETWORK_ISOLATED);
    network->set_subnet("10.213.5.0/24");
    network->set_gateway("10.213.5.1");
    network->set_ipv6_subnet("fd12:3456:789a:5::/64");
    network->set_ipv6_gateway("fd12:3456:789a:5::1");
    network->set_domain("storage.acme.internal");
    tenant->set_vmm_overhead_mib(64);
    tenant->mutable_created_at()->set_seconds(60);
    tenant->mutable_primary()->set_memory_mib(2048);
    tenant->mutable_primary()->set_vcpus(2);
    tenant->mutable_primary()->set_granted_memory_mib(1024);
    tenant->mutable_primary()->set_granted_cpu_percent(150);
    tenant->mutable_io()->set_read_bytes(1);
    tenant->mutable_io()->set_write_bytes(2);
    tenant->mutable_io()->set_read_operations(3);
    tenant->mutable_io()->set_write_operations(4);
    tenant->set_cpus("2-5,8");
    tenant->mutable_carve()->set_mode(v1::CARVE_BALLOON);
    tenant->mutable_carve()->set_primary_min_memory_mib(512);
    return grpc::Status::OK;
  };
  const Result<Tenant> tenant = client_.GetTenant();
  ASSERT_TRUE(tenant.ok());
  EXPECT_EQ(
      *tenant,
      (Tenant{
          .name = "acme",
          .limits = {.memory_mib = 4096},
          .used = {.vcpus = 2},
          .left = {.vms = 7, .disk_mib = 20480},
          .primary = {.state = PrimaryState::kRunning,
                      .cid = 5,
                      .mac = "52:54:00:00:00:01",
                      .address = "10.213.4.2",
                      .needs_restart = true,
                      .memory_mib = 2048,
                      .vcpus = 2,
                      .granted_memory_mib = 1024,
                      .granted_cpu_percent = 150,
                      .ipv6_address = "fd12:3456:789a:4:5054:ff:fed5:402"},
          .subnet = "10.213.4.0/24",
          .gateway = "10.213.4.1",
          .vmm_overhead_mib = 64,
          .created_at = std::chrono::system_clock::time_point(std::chrono::minutes(1)),
          .io = {.read_bytes = 1, .write_bytes = 2, .read_operations = 3, .write_operations = 4},
          .cpus = "2-5,8",
          .carve = {.mode = CarveMode::kBalloon, .primary_min_memory_mib = 512},
          .network_mode = NetworkMode::kIsolated,
          .ipv6_subnet = "fd12:3456:789a:4::/64",
          .ipv6_gateway = "fd12:3456:789a:4::1",
          .net = {.out_bytes = 5, .in_bytes = 6, .vm_out_bytes = 7, .vm_in_bytes = 8},
          .networks = {{.name = "storage",
                        .mode = NetworkMode::kIsolated,
                        .subnet = "10.213.5.0/24",
                        .gateway = "10.213.5.1",
                        .ipv6_subnet = "fd12:3456:789a:5::/64",
                        .ipv6_gateway = "fd12:3456:789a:5::1",
                        .domain = "storage.acme.internal"}}}));
}

TEST_F(ClientTenantTest, TellsOfTheTenantsUsage) {
  host_.service.get_tenant = [&](const v1::GetTenantRequest&, v1::GetTenantResponse* response) {
    v1::Usage* usage = response->mutable_tenant()->mutable_usage();
    usage->set_memory_bytes(1);
    usage->set_oom_kills(2);
    usage->set_cpu_us(3);
    usage->set_throttled_us(std::numeric_limits<uint64_t>::max());
    usage->set_tasks(5);
    usage->set_read_bytes(6);
    usage->set_write_bytes(7);
    usage->mutable_memory_pressure()->set_some_percent(8);
    usage->mutable_cpu_pressure()->set_full_percent(9);
    usage->mutable_io_pressure()->set_some_percent(10.5);
    return grpc::Status::OK;
  };
  const Result<Tenant> tenant = client_.GetTenant();
  ASSERT_TRUE(tenant.ok());
  ASSERT_TRUE(tenant->usage.has_value());
  EXPECT_EQ(*tenant->usage, (Usage{.memory_bytes = 1,
                                   .oom_kills = 2,
                                   .cpu_time = std::chrono::microseconds(3),
                                   .throttled_time = std::chrono::microseconds::max(),
                                   .tasks = 5,
                                   .read_bytes = 6,
                                   .write_bytes = 7,
                                   .memory_pressure = {.some_percent = 8},
                                   .cpu_pressure = {.full_percent = 9},
                                   .io_pressure = {.some_percent = 10.5}}));
}

TEST_F(ClientTenantTest, TakesWhatAnOlderHostDoesNotSayForNone) {
  const Result<Tenant> tenant = client_.GetTenant();
  ASSERT_TRUE(tenant.ok());
  EXPECT_EQ(*tenant, Tenant());
  EXPECT_EQ(tenant->carve.mode, CarveMode::kReserved);
  EXPECT_FALSE(tenant->usage.has_value());
}

}  // namespace
}  // namespace flatvm::guestlib
