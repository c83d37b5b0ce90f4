// What Client sends, and what it makes of answers.
#include "flatvm/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <type_traits>

#include "guestlib/src/client_impl.h"
#include "tests/unit/guestlib/broker_host.h"

namespace flatvm::guestlib {
namespace {

using testing::MatchesRegex;

static_assert(std::is_nothrow_move_constructible_v<Client> &&
              std::is_nothrow_move_assignable_v<Client> && !std::is_copy_constructible_v<Client>);

const VmSpec kSpec = {.name = "web",
                      .image = "tiny",
                      .memory_mib = 192,
                      .vcpus = 2,
                      .disk_mib = 2048,
                      .volume = "root",
                      .data_volumes = {"logs", "data"},
                      .networks = {"storage"}};

v1::Vm WireVm() {
  v1::Vm vm;
  vm.set_id("0b6c2f60-5f0a-4d6e-9d50-0f1e6c5a7b11");
  vm.set_name("web");
  vm.set_tenant("acme");
  vm.set_state(v1::VM_RUNNING);
  vm.set_image("tiny");
  vm.set_memory_mib(192);
  vm.set_vcpus(2);
  vm.set_disk_mib(2048);
  vm.set_address("10.213.0.3");
  vm.set_ipv6_address("fd12:3456:789a:1:5054:ff:fe01:203");
  vm.set_mac("52:54:00:01:02:03");
  vm.set_cid(4294967294);
  vm.mutable_created_at()->set_seconds(1'700'000'000);
  vm.mutable_created_at()->set_nanos(5'000'000);
  v1::StageDuration* stage = vm.add_stages();
  stage->set_stage("domain");
  stage->set_duration_us(1'800'000);
  vm.set_volume("root");
  vm.add_data_volumes("logs");
  vm.add_data_volumes("data");
  v1::Nic* nic = vm.add_nics();
  nic->set_network("storage");
  nic->set_mac("52:54:00:d5:05:02");
  nic->set_address("10.213.5.2");
  nic->set_ipv6_address("fd12:3456:789a:5:5054:ff:fed5:502");
  return vm;
}

Vm PublicVm() {
  return {.id = "0b6c2f60-5f0a-4d6e-9d50-0f1e6c5a7b11",
          .name = "web",
          .tenant = "acme",
          .state = VmState::kRunning,
          .image = "tiny",
          .memory_mib = 192,
          .vcpus = 2,
          .disk_mib = 2048,
          .address = "10.213.0.3",
          .mac = "52:54:00:01:02:03",
          .cid = 4294967294,
          .created_at =
              std::chrono::system_clock::time_point(std::chrono::milliseconds(1'700'000'000'005)),
          .stages = {{.stage = "domain", .duration = std::chrono::microseconds(1'800'000)}},
          .volume = "root",
          .data_volumes = {"logs", "data"},
          .ipv6_address = "fd12:3456:789a:1:5054:ff:fe01:203",
          .nics = {{.network = "storage",
                    .mac = "52:54:00:d5:05:02",
                    .address = "10.213.5.2",
                    .ipv6_address = "fd12:3456:789a:5:5054:ff:fed5:502"}}};
}

class ClientTest : public testing::Test {
 protected:
  BrokerHost host_;
  FakeWorld world_;
  Client client_ =
      ClientImpl::MakeClient({}, world_.Make([this](int /*attempt*/) { return host_.Connect(); }));
};

TEST_F(ClientTest, ConnectsOnlyWhenFirstAsked) {
  EXPECT_EQ(world_.connects(), 0);
  EXPECT_TRUE(client_.ListVms().ok());
  EXPECT_EQ(world_.connects(), 1);
  EXPECT_EQ(world_.connect_timeouts().front(), ClientOptions().connect_timeout);
}

TEST_F(ClientTest, CreateSendsTheSpecAndReturnsTheVm) {
  v1::CreateVmRequest seen;
  host_.service.create = [&](const v1::CreateVmRequest& request, v1::CreateVmResponse* response) {
    seen = request;
    *response->mutable_vm() = WireVm();
    return grpc::Status::OK;
  };
  const Result<Vm> vm = client_.CreateVm(kSpec, {.validate_only = true});
  ASSERT_TRUE(vm.ok()) << vm.error().message;
  EXPECT_EQ(*vm, PublicVm());
  EXPECT_EQ(seen.spec().name(), "web");
  EXPECT_EQ(seen.spec().image(), "tiny");
  EXPECT_EQ(seen.spec().memory_mib(), 192U);
  EXPECT_EQ(seen.spec().vcpus(), 2U);
  EXPECT_EQ(seen.spec().disk_mib(), 2048U);
  EXPECT_EQ(seen.spec().volume(), "root");
  EXPECT_THAT(seen.spec().data_volumes(), testing::ElementsAre("logs", "data"));
  EXPECT_TRUE(seen.validate_only());
}

TEST_F(ClientTest, MakesUpAValidRequestIdForEveryChangeUnlessGivenOne) {
  std::vector<std::string> ids;
  host_.service.create = [&](const v1::CreateVmRequest& request, v1::CreateVmResponse*) {
    ids.push_back(request.request_id());
    return grpc::Status::OK;
  };
  host_.service.destroy = [&](const v1::DestroyVmRequest& request, v1::DestroyVmResponse*) {
    ids.push_back(request.request_id());
    return grpc::Status::OK;
  };
  EXPECT_TRUE(client_.CreateVm(kSpec).ok());
  EXPECT_TRUE(client_.CreateVm(kSpec).ok());
  EXPECT_TRUE(client_.DestroyVm("web").ok());
  EXPECT_TRUE(client_.CreateVm(kSpec, {.request_id = "mine"}).ok());
  EXPECT_TRUE(client_.DestroyVm("web", {.request_id = "mine-2"}).ok());
  ASSERT_EQ(ids.size(), 5U);
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(ids[static_cast<size_t>(i)], MatchesRegex("[0-9a-f]{32}"));
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_NE(ids[1], ids[2]);
  EXPECT_EQ(ids[3], "mine");
  EXPECT_EQ(ids[4], "mine-2");
}

TEST_F(ClientTest, DestroyAndShowNameTheVm) {
  v1::DestroyVmRequest destroyed;
  host_.service.destroy = [&](const v1::DestroyVmRequest& request, v1::DestroyVmResponse* answer) {
    destroyed = request;
    *answer->mutable_vm() = WireVm();
    return grpc::Status::OK;
  };
  host_.service.show = [&](const v1::ShowVmRequest& request, v1::ShowVmResponse* response) {
    response->mutable_vm()->set_name(request.vm());
    return grpc::Status::OK;
  };
  const Result<Vm> vm = client_.DestroyVm("web", {.validate_only = true});
  ASSERT_TRUE(vm.ok());
  EXPECT_EQ(*vm, PublicVm());
  EXPECT_EQ(destroyed.vm(), "web");
  EXPECT_TRUE(destroyed.validate_only());
  const Result<Vm> shown = client_.ShowVm("db");
  ASSERT_TRUE(shown.ok());
  EXPECT_EQ(shown->name, "db");
}

TEST_F(ClientTest, ListsAllVms) {
  host_.service.list = [&](const v1::ListVmsRequest&, v1::ListVmsResponse* response) {
    *response->add_vms() = WireVm();
    response->add_vms()->set_name("zzz");
    return grpc::Status::OK;
  };
  const Result<std::vector<Vm>> vms = client_.ListVms();
  ASSERT_TRUE(vms.ok());
  ASSERT_EQ(vms->size(), 2U);
  EXPECT_EQ(vms->front(), PublicVm());
  EXPECT_EQ(vms->back().name, "zzz");
  EXPECT_EQ(vms->back().created_at, std::chrono::system_clock::time_point());
}

TEST_F(ClientTest, AnErrorHasAllThatTheHostSaid) {
  host_.service.create = [&](const v1::CreateVmRequest&, v1::CreateVmResponse*) {
    v1::ErrorDetail detail;
    detail.set_reason(v1::TENANT_MEMORY_LIMIT);
    detail.set_field("spec.memory_mib");
    detail.set_limit("memory_mib");
    detail.set_limit_value(4096);
    detail.set_asked(576);
    detail.set_used(3904);
    detail.set_left(192);
    detail.set_request_id("r-1");
    return Failed(grpc::RESOURCE_EXHAUSTED, detail, "too much");
  };
  const Result<Vm> vm = client_.CreateVm(kSpec);
  ASSERT_FALSE(vm.ok());
  EXPECT_EQ(vm.error(), (Error{.code = Code::kResourceExhausted,
                               .reason = Reason::kTenantMemoryLimit,
                               .message = "too much",
                               .field = "spec.memory_mib",
                               .limit = "memory_mib",
                               .limit_value = 4096,
                               .asked = 576,
                               .used = 3904,
                               .left = 192,
                               .request_id = "r-1"}));
  EXPECT_TRUE(world_.pauses().empty());
}

TEST_F(ClientTest, MovesWithItsConnection) {
  EXPECT_TRUE(client_.ListVms().ok());
  Client moved = std::move(client_);
  EXPECT_TRUE(moved.ListVms().ok());
  client_ = std::move(moved);
  EXPECT_TRUE(client_.ListVms().ok());
  EXPECT_EQ(world_.connects(), 1);
}

TEST(Client, CreatedForARealHostFailsOnlyWhenCalled) {
  // No port of this machine's host has a broker: whatever the machine, this fails as documented.
  ClientOptions options{.port = 0xFFFFFFF0, .connect_timeout = std::chrono::milliseconds(200)};
  options.retry.unreached_for = std::chrono::milliseconds(0);
  Client client = Client::Create(options);
  const Result<Tenant> tenant = client.GetTenant();
  ASSERT_FALSE(tenant.ok());
  const bool unreachable = tenant.error().code == Code::kUnavailable &&
                           tenant.error().reason == Reason::kBrokerUnreachable;
  const bool not_root = tenant.error().code == Code::kPermissionDenied &&
                        tenant.error().reason == Reason::kPolicyForbids;
  EXPECT_TRUE(unreachable || not_root) << tenant.error().message;
}

}  // namespace
}  // namespace flatvm::guestlib
