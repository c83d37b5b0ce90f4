#include "daemon/rpc/vm_service.h"

#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "tests/support/broker_world.h"

namespace flatvm::rpc {
namespace {

class VmServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    service_.AddTo(calls_);
    ASSERT_TRUE(world_.AddTenant("acme").ok());
    ASSERT_TRUE(world_.AddTenant("globex").ok());
  }

  template <typename Response, typename Request>
  Response Ok(const std::string& tenant, const std::string& method, const Request& request) {
    const Answer answer = calls_.Handle(tenant, method, request.SerializeAsString());
    EXPECT_EQ(answer.code, 0) << answer.message;
    Response response;
    EXPECT_TRUE(response.ParseFromString(answer.response));
    return response;
  }

  static v1::ErrorDetail Detail(const Answer& answer) {
    v1::ErrorDetail detail;
    EXPECT_TRUE(detail.ParseFromString(answer.detail));
    return detail;
  }

  static v1::CreateVmRequest CreateWeb() {
    v1::CreateVmRequest request;
    request.set_request_id("req-1");
    request.mutable_spec()->set_name("web");
    request.mutable_spec()->set_image("tiny");
    request.mutable_spec()->set_memory_mib(192);
    request.mutable_spec()->set_vcpus(1);
    return request;
  }

  broker::FakeHost host_;
  broker::BrokerWorld world_{host_};
  VmService service_{world_.vms, world_.directory};
  TenantCalls calls_{world_.callers, host_.log, host_.clock};
};

TEST_F(VmServiceTest, CreatesShowsListsAndDestroys) {
  const auto created = Ok<v1::CreateVmResponse>("acme", "CreateVm", CreateWeb());
  EXPECT_EQ(created.vm().name(), "web");
  EXPECT_EQ(created.vm().state(), v1::VM_RUNNING);
  EXPECT_EQ(created.vm().stages_size(), 5);

  v1::ShowVmRequest show;
  show.set_vm("web");
  EXPECT_EQ(Ok<v1::ShowVmResponse>("acme", "ShowVm", show).vm().id(), created.vm().id());
  EXPECT_EQ(Ok<v1::ListVmsResponse>("acme", "ListVms", v1::ListVmsRequest()).vms_size(), 1);
  const auto tenant = Ok<v1::GetTenantResponse>("acme", "GetTenant", v1::GetTenantRequest());
  EXPECT_EQ(tenant.tenant().used().vms(), 1U);

  v1::DestroyVmRequest destroy;
  destroy.set_vm("web");
  EXPECT_EQ(Ok<v1::DestroyVmResponse>("acme", "DestroyVm", destroy).vm().id(), created.vm().id());
  EXPECT_EQ(Ok<v1::ListVmsResponse>("acme", "ListVms", v1::ListVmsRequest()).vms_size(), 0);
}

TEST_F(VmServiceTest, ShowsOneTenantNothingOfAnother) {
  Ok<v1::CreateVmResponse>("acme", "CreateVm", CreateWeb());
  EXPECT_EQ(Ok<v1::ListVmsResponse>("globex", "ListVms", v1::ListVmsRequest()).vms_size(), 0);
  v1::ShowVmRequest show;
  show.set_vm("web");
  const Answer answer = calls_.Handle("globex", "ShowVm", show.SerializeAsString());
  EXPECT_EQ(answer.code, static_cast<int>(absl::StatusCode::kNotFound));
  EXPECT_EQ(Detail(answer).reason(), v1::VM_NOT_FOUND);
}

TEST_F(VmServiceTest, AnswersWithCodeReasonFieldAndRequestId) {
  v1::CreateVmRequest request = CreateWeb();
  request.mutable_spec()->set_memory_mib(0);
  const Answer answer = calls_.Handle("acme", "CreateVm", request.SerializeAsString());
  EXPECT_EQ(answer.code, static_cast<int>(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(Detail(answer).reason(), v1::FIELD_MISSING);
  EXPECT_EQ(Detail(answer).field(), "spec.memory_mib");
  EXPECT_EQ(Detail(answer).request_id(), "req-1");
}

TEST_F(VmServiceTest, RefusesBytesThatAreNoMessage) {
  for (const std::string& bytes :
       {std::string("\xff\xff\xff"), std::string("\x0a\xff", 2), std::string(1000, '\x80')}) {
    const Answer answer = calls_.Handle("acme", "CreateVm", bytes);
    EXPECT_EQ(answer.code, static_cast<int>(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(Detail(answer).reason(), v1::MESSAGE_MALFORMED);
  }
}

TEST_F(VmServiceTest, SaysThatAMethodIsNotImplemented) {
  for (const char* method : {"ModifyVm", "WatchVms", "", "CreateVm/../x", "\x01"}) {
    const Answer answer = calls_.Handle("acme", method, "");
    EXPECT_EQ(answer.code, static_cast<int>(absl::StatusCode::kUnimplemented)) << method;
    EXPECT_EQ(Detail(answer).reason(), v1::METHOD_UNIMPLEMENTED) << method;
  }
}

// What went wrong on the host is the operator's to read, not the guest's.
TEST_F(VmServiceTest, KeepsTheHostsInsidesOutOfAnInternalError) {
  host_.hypervisor.FailNext("StartDomain", base::InternalError("/var/lib/secret: EIO"));
  const Answer answer = calls_.Handle("acme", "CreateVm", CreateWeb().SerializeAsString());
  EXPECT_EQ(answer.code, static_cast<int>(absl::StatusCode::kInternal));
  EXPECT_EQ(answer.message.find("secret"), std::string::npos);
  EXPECT_TRUE(host_.log.Has("/var/lib/secret: EIO"));
}

TEST_F(VmServiceTest, WritesOneLineACallWithItsFields) {
  Ok<v1::CreateVmResponse>("acme", "CreateVm", CreateWeb());
  const auto lines = host_.log.Lines();
  ASSERT_FALSE(lines.empty());
  const base::LogFields& fields = lines.back().fields;
  EXPECT_EQ(fields.request, "req-1");
  EXPECT_EQ(fields.tenant, "acme");
  EXPECT_EQ(fields.vm, "web");
  EXPECT_EQ(fields.op, "CreateVm");
  EXPECT_EQ(fields.code, "OK");
  EXPECT_FALSE(fields.ms.empty());
}

TEST_F(VmServiceTest, EscapesGuestTextInTheJournal) {
  v1::ShowVmRequest show;
  show.set_vm("x\nPRIORITY=0\x1b[31m");
  calls_.Handle("acme", "ShowVm", show.SerializeAsString());
  for (const auto& line : host_.log.Lines()) {
    EXPECT_EQ(line.message.find('\n'), std::string::npos);
    EXPECT_EQ(line.fields.vm.find('\n'), std::string::npos);
    EXPECT_EQ(line.fields.vm.find('\x1b'), std::string::npos);
  }
}

}  // namespace
}  // namespace flatvm::rpc
