// Lost connections, refusals and deadlines: what is tried again, for how long, and what is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "guestlib/src/client_impl.h"
#include "tests/unit/guestlib/broker_host.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::SizeIs;

const VmSpec kSpec = {.name = "web", .image = "tiny", .memory_mib = 192, .vcpus = 1};

grpc::Status FailedWith(grpc::StatusCode code, v1::Reason reason) {
  v1::ErrorDetail detail;
  detail.set_reason(reason);
  return Failed(code, detail, "as the test says");
}

ConnectFailure Unreachable(Outlook outlook) {
  return {.error = {.code = Code::kUnavailable,
                    .reason = Reason::kBrokerUnreachable,
                    .message = "nobody there"},
          .outlook = outlook};
}

class ReconnectTest : public testing::Test {
 protected:
  Client MakeClient(std::function<ConnectResult(int)> connect, const ClientOptions& options = {}) {
    return ClientImpl::MakeClient(options, world_.Make(std::move(connect)));
  }
  std::function<ConnectResult(int)> Always() {
    return [this](int) { return host_.Connect(); };
  }

  BrokerHost host_;
  FakeWorld world_;
};

TEST_F(ReconnectTest, AConnectionThatBrokeBetweenCallsIsReplacedWithoutAPause) {
  Client client = MakeClient(Always());
  ASSERT_TRUE(client.ListVms().ok());
  host_.Cut();
  const Result<std::vector<Vm>> vms = client.ListVms();
  EXPECT_TRUE(vms.ok()) << vms.error().message;
  EXPECT_EQ(world_.connects(), 2);
  EXPECT_THAT(world_.pauses(), IsEmpty());
}

TEST_F(ReconnectTest, ACallWhoseConnectionBreaksIsRepeatedWithTheSameRequestId) {
  std::vector<std::string> requests;
  host_.service.create = [&](const v1::CreateVmRequest& request, v1::CreateVmResponse* response) {
    requests.push_back(request.SerializeAsString());
    if (requests.size() == 1) host_.Cut();
    response->mutable_vm()->set_name("web");
    return grpc::Status::OK;
  };
  Client client = MakeClient(Always());
  const Result<Vm> vm = client.CreateVm(kSpec);
  ASSERT_TRUE(vm.ok()) << vm.error().message;
  EXPECT_EQ(vm->name, "web");
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0], requests[1]);
  v1::CreateVmRequest request;
  ASSERT_TRUE(request.ParseFromString(requests[0]));
  EXPECT_THAT(request.request_id(), SizeIs(32));
  EXPECT_THAT(world_.pauses(), ElementsAre(milliseconds(25)));  // half of the first 50 ms
}

TEST_F(ReconnectTest, PausesGrowToTheirBoundAndEndInTime) {
  world_.random = 0.999;
  bool there = true;
  host_.service.list = [&](const v1::ListVmsRequest&, v1::ListVmsResponse*) {
    there = false;
    host_.Cut();
    return grpc::Status::OK;
  };
  Client client = MakeClient([&](int) -> ConnectResult {
    if (there) return host_.Connect();
    return Unreachable(Outlook::kMayPass);
  });
  const Result<std::vector<Vm>> vms = client.ListVms();
  ASSERT_FALSE(vms.ok());
  EXPECT_EQ(vms.error().message, "nobody there");
  const std::vector<milliseconds> pauses = world_.pauses();
  ASSERT_THAT(pauses, SizeIs(testing::Ge(8)));
  EXPECT_EQ(pauses[0], milliseconds(49));
  EXPECT_EQ(pauses[1], milliseconds(99));
  EXPECT_EQ(pauses[2], milliseconds(199));
  EXPECT_EQ(pauses.back(), milliseconds(1998));
  EXPECT_THAT(pauses, Each(Le(milliseconds(2000))));
  // It goes on for lost_for after the broker was last there, not for the whole 90 s.
  EXPECT_GT(world_.elapsed(), milliseconds(12'000));
  EXPECT_LE(world_.elapsed(), RetryPolicy().lost_for);
}

TEST_F(ReconnectTest, ABrokerThatIsNotThereFailsSoon) {
  Client client = MakeClient([](int) { return Unreachable(Outlook::kMayPass); });
  const Result<std::vector<Vm>> vms = client.ListVms();
  ASSERT_FALSE(vms.ok());
  EXPECT_EQ(vms.error(), Unreachable(Outlook::kMayPass).error);
  EXPECT_GE(world_.connects(), 4);
  EXPECT_LE(world_.elapsed(), milliseconds(2000));
}

TEST_F(ReconnectTest, ABrokerThatComesUpMeanwhileIsFound) {
  Client client = MakeClient([this](int attempt) -> ConnectResult {
    if (attempt < 3) return Unreachable(Outlook::kMayPass);
    return host_.Connect();
  });
  EXPECT_TRUE(client.ListVms().ok());
  EXPECT_EQ(world_.connects(), 4);
}

TEST_F(ReconnectTest, WhatCannotPassFailsAtOnce) {
  Client client = MakeClient([](int) { return Unreachable(Outlook::kFinal); });
  EXPECT_FALSE(client.ListVms().ok());
  EXPECT_EQ(world_.connects(), 1);
  EXPECT_THAT(world_.pauses(), IsEmpty());
}

TEST_F(ReconnectTest, AConnectionClosedWithoutAWordIsARefusal) {
  Client client = MakeClient([](int) { return BrokerHost::Refuse(); });
  const Result<Vm> vm = client.CreateVm(kSpec);
  ASSERT_FALSE(vm.ok());
  EXPECT_EQ(vm.error().code, Code::kPermissionDenied);
  EXPECT_EQ(vm.error().reason, Reason::kPolicyForbids);
  EXPECT_THAT(vm.error().message, HasSubstr("not a tenant's running primary"));
  EXPECT_GE(world_.connects(), 4);
  EXPECT_LE(world_.elapsed(), milliseconds(2000));
}

TEST_F(ReconnectTest, NothingOutlastsTheCallsOwnTime) {
  world_.random = 0.999;
  Client client = MakeClient([](int) { return BrokerHost::Refuse(); });
  EXPECT_FALSE(client.ListVms({.timeout = milliseconds(300)}).ok());
  EXPECT_LE(world_.elapsed(), milliseconds(300));
  EXPECT_THAT(world_.connect_timeouts(), Each(Le(milliseconds(300))));
}

TEST_F(ReconnectTest, AHostThatDoesNotAnswerIsADeadlineAndItsConnectionIsNotUsedAgain) {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  int calls = 0;
  host_.service.show = [&](const v1::ShowVmRequest&, v1::ShowVmResponse*) {
    std::unique_lock lock(mutex);
    ++calls;
    changed.wait(lock, [&] { return done; });
    return grpc::Status::OK;
  };
  Client client = MakeClient(Always());
  const Result<Vm> vm = client.ShowVm("web", {.timeout = milliseconds(150)});
  {
    const std::lock_guard lock(mutex);
    done = true;
    EXPECT_EQ(calls, 1);
  }
  changed.notify_all();
  ASSERT_FALSE(vm.ok());
  EXPECT_EQ(vm.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(vm.error().reason, Reason::kStageTimedOut);
  EXPECT_THAT(vm.error().message, HasSubstr("within 150ms"));
  EXPECT_TRUE(client.ListVms().ok());
  EXPECT_EQ(world_.connects(), 2);
}

TEST_F(ReconnectTest, ABrokerThatNeverSpeaksIsADeadlineToo) {
  std::array<int, 2> fds{-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()), 0);
  const UniqueFd silent(fds[0]);
  Client client = MakeClient([&](int) { return UniqueFd(fds[1]); });
  const Result<Vm> vm = client.ShowVm("web", {.timeout = milliseconds(50)});
  ASSERT_FALSE(vm.ok());
  EXPECT_EQ(vm.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(world_.connects(), 1);
}

TEST_F(ReconnectTest, OnlyARestartOfTheDaemonIsWaitedOutAmongItsAnswers) {
  const struct {
    grpc::StatusCode code;
    v1::Reason reason;
    int calls;
  } kCases[] = {
      {grpc::UNAVAILABLE, v1::DAEMON_RESTARTED, 3},
      {grpc::UNAVAILABLE, v1::HYPERVISOR_UNAVAILABLE, 1},
      {grpc::UNAVAILABLE, v1::SERVICE_MANAGER_UNAVAILABLE, 1},
      {grpc::ABORTED, v1::CHANGE_IN_FLIGHT, 1},
      {grpc::RESOURCE_EXHAUSTED, v1::TENANT_CALL_LIMIT, 1},
      {grpc::INTERNAL, v1::INTERNAL_ERROR, 1},
      {grpc::DEADLINE_EXCEEDED, v1::STAGE_TIMED_OUT, 1},
  };
  Client client = MakeClient(Always());
  int calls = 0;
  grpc::Status answer;
  host_.service.get_tenant = [&](const v1::GetTenantRequest&, v1::GetTenantResponse*) {
    return ++calls < 3 ? answer : grpc::Status::OK;
  };
  for (const auto& test : kCases) {
    calls = 0;
    answer = FailedWith(test.code, test.reason);
    const Result<Tenant> tenant = client.GetTenant();
    EXPECT_EQ(calls, test.calls) << v1::Reason_Name(test.reason);
    EXPECT_EQ(tenant.ok(), test.calls == 3) << v1::Reason_Name(test.reason);
  }
  EXPECT_EQ(world_.connects(), 1);  // an answer is no reason to connect again
}

TEST_F(ReconnectTest, DestroyTakesNotFoundAfterALossForDone) {
  const std::string id = "0b6c2f60-5f0a-4d6e-9d50-0f1e6c5a7b11";
  bool cut = true;
  host_.service.destroy = [&](const v1::DestroyVmRequest&, v1::DestroyVmResponse*) {
    if (std::exchange(cut, false)) host_.Cut();
    return FailedWith(grpc::NOT_FOUND, v1::VM_NOT_FOUND);
  };
  Client client = MakeClient(Always());
  const Result<Vm> by_name = client.DestroyVm("web");
  ASSERT_TRUE(by_name.ok());
  EXPECT_EQ(by_name->name, "web");
  EXPECT_EQ(by_name->id, "");
  cut = true;
  const Result<Vm> by_id = client.DestroyVm(id);
  ASSERT_TRUE(by_id.ok());
  EXPECT_EQ(by_id->id, id);
  cut = true;
  EXPECT_FALSE(client.DestroyVm("web", {.validate_only = true}).ok());
  const Result<Vm> at_once = client.DestroyVm("web");
  ASSERT_FALSE(at_once.ok());
  EXPECT_EQ(at_once.error().reason, Reason::kVmNotFound);
}

TEST_F(ReconnectTest, AnIdleConnectionIsNotTrustedForLong) {
  Client client = MakeClient(Always());
  EXPECT_TRUE(client.ListVms().ok());
  world_.Advance(milliseconds(19'999));
  EXPECT_TRUE(client.ListVms().ok());
  EXPECT_EQ(world_.connects(), 1);
  world_.Advance(milliseconds(20'000));
  EXPECT_TRUE(client.ListVms().ok());
  EXPECT_EQ(world_.connects(), 2);
}

TEST_F(ReconnectTest, CallsOfManyThreadsShareOneConnection) {
  Client client = MakeClient(Always());
  std::vector<std::thread> threads;
  threads.reserve(8);
  std::atomic<int> succeeded = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < 10; ++call) succeeded += client.ListVms().ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(succeeded, 80);
  EXPECT_EQ(world_.connects(), 1);
}

}  // namespace
}  // namespace flatvm::guestlib
