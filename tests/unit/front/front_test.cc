// The front as a whole: a real gRPC client on one side, flatvmd's end of the link in the test's
// hands on the other.
#include "daemon/front/front.h"

#include <grpcpp/create_channel_posix.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <iterator>
#include <thread>

#include "flatvm/internal/rpc_status.pb.h"
#include "flatvm/v1/secondary_vms.grpc.pb.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/front/fake_daemon.h"
#include "tests/unit/front/h2_bytes.h"

namespace flatvm::front {
namespace {

class FrontTest : public testing::Test {
 protected:
  void SetUp() override {
    clock_.SetTick({});
    auto pair = base::MakePacketPair();
    ASSERT_TRUE(pair.ok());
    daemon_ = std::make_unique<FakeDaemon>(std::move(pair->ours));
    front_ = std::make_unique<Front>(FrontOptions{.tenant = "acme"}, std::move(pair->theirs),
                                     clock_, log_);
    thread_ = std::thread([this] { result_ = front_->Run(); });
    daemon_->Hello(1);
  }
  void TearDown() override {
    front_->Stop();
    if (thread_.joinable()) thread_.join();
  }

  // A gRPC client on a new connection.
  std::unique_ptr<v1::SecondaryVms::Stub> NewClient(uint64_t id = 1) {
    auto channel = grpc::CreateInsecureChannelFromFd("front", daemon_->Connect(id).Release());
    return v1::SecondaryVms::NewStub(channel);
  }

  struct Reply {
    grpc::Status status;
    v1::ShowVmResponse response;
  };
  // Sends a ShowVm; the reply comes once the test, as flatvmd, answers.
  static std::future<Reply> Show(v1::SecondaryVms::Stub& client, const std::string& vm) {
    return std::async(std::launch::async, [&client, vm] {
      Reply reply;
      grpc::ClientContext context;
      v1::ShowVmRequest request;
      request.set_vm(vm);
      reply.status = client.ShowVm(&context, request, &reply.response);
      return reply;
    });
  }

  static v1::ErrorDetail DetailOf(const grpc::Status& status) {
    internal::RpcStatus details;
    v1::ErrorDetail detail;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    EXPECT_EQ(details.details_size(), 1);
    if (details.details_size() != 1) return detail;
    EXPECT_TRUE(details.details(0).UnpackTo(&detail));
    return detail;
  }

  fakes::FakeClock clock_;
  base::StderrLogger log_;
  std::unique_ptr<FakeDaemon> daemon_;
  std::unique_ptr<Front> front_;
  absl::Status result_;
  std::thread thread_;
};

TEST_F(FrontTest, HasNoThreadsBeforeAConnection) {
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const auto before = threads();
  auto pair = base::MakePacketPair();
  Front silent(FrontOptions{.tenant = "globex"}, std::move(pair->theirs), clock_, log_);
  EXPECT_EQ(threads(), before);
}

TEST_F(FrontTest, ForwardsACallAndItsResponse) {
  auto client = NewClient();
  auto reply = Show(*client, "web");
  const internal::Call call = daemon_->ReceiveCall();
  EXPECT_EQ(call.method(), "ShowVm");
  EXPECT_EQ(call.epoch(), 1U);
  EXPECT_EQ(call.timeout_ms(), 0U);
  v1::ShowVmRequest request;
  ASSERT_TRUE(request.ParseFromString(call.request()));
  EXPECT_EQ(request.vm(), "web");
  v1::ShowVmResponse response;
  response.mutable_vm()->set_name("web");
  daemon_->Answer(call, 0, "", "", response.SerializeAsString());
  const Reply got = reply.get();
  EXPECT_TRUE(got.status.ok()) << got.status.error_message();
  EXPECT_EQ(got.response.vm().name(), "web");
}

TEST_F(FrontTest, ForwardsAnErrorWithItsDetail) {
  auto client = NewClient();
  auto reply = Show(*client, "web");
  v1::ErrorDetail detail;
  detail.set_reason(v1::VM_NOT_FOUND);
  detail.set_field("vm");
  daemon_->Answer(daemon_->ReceiveCall(), 5, "no such VM", detail.SerializeAsString(), "");
  const Reply got = reply.get();
  EXPECT_EQ(got.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(got.status.error_message(), "no such VM");
  EXPECT_EQ(DetailOf(got.status).reason(), v1::VM_NOT_FOUND);
  EXPECT_EQ(DetailOf(got.status).field(), "vm");
}

TEST_F(FrontTest, PassesTheDeadlineOn) {
  auto client = NewClient();
  auto reply = std::async(std::launch::async, [&client] {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    v1::CreateVmResponse response;
    return client->CreateVm(&context, {}, &response);
  });
  const internal::Call call = daemon_->ReceiveCall();
  EXPECT_EQ(call.method(), "CreateVm");
  EXPECT_GT(call.timeout_ms(), 0U);
  EXPECT_LE(call.timeout_ms(), 61'000U);
  daemon_->Answer(call, 0, "", "", "");
  EXPECT_TRUE(reply.get().ok());
}

TEST_F(FrontTest, RefusesMethodsItDoesNotKnow) {
  auto client = NewClient();
  grpc::ClientContext context;
  const auto stream = client->WatchVms(&context, {});
  v1::WatchVmsResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(DetailOf(status).reason(), v1::METHOD_UNIMPLEMENTED);
}

TEST_F(FrontTest, RefusesARequestOverTheLimit) {
  auto client = NewClient();
  Reply got = Show(*client, std::string(64 * 1024, 'x')).get();
  EXPECT_EQ(got.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailOf(got.status).reason(), v1::MESSAGE_TOO_LARGE);
  got = Show(*client, std::string(1024 * 1024, 'x')).get();
  EXPECT_FALSE(got.status.ok());
  // The largest that fits, and the connection is none the worse.
  auto reply = Show(*client, std::string(64 * 1024 - 4, 'x'));
  daemon_->Answer(daemon_->ReceiveCall(), 0, "", "", "");
  EXPECT_TRUE(reply.get().status.ok());
}

TEST_F(FrontTest, RefusesACompressedRequest) {
  auto client = NewClient();
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  v1::ShowVmRequest request;
  request.set_vm(std::string(60'000, 'x'));
  v1::ShowVmResponse response;
  EXPECT_EQ(client->ShowVm(&context, request, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(FrontTest, LimitsTheCallsInFlight) {
  auto client = NewClient(1);
  auto other = NewClient(2);
  std::vector<std::future<Reply>> replies;
  std::vector<internal::Call> calls;
  for (size_t i = 0; i < kMaxCallsInFlight; ++i) {
    replies.push_back(Show(i % 2 == 0 ? *client : *other, "web"));
    calls.push_back(daemon_->ReceiveCall());
  }
  const Reply refused = Show(*client, "web").get();
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailOf(refused.status).reason(), v1::TENANT_CALL_LIMIT);
  for (const internal::Call& call : calls) daemon_->Answer(call, 0, "", "", "");
  for (auto& reply : replies) EXPECT_TRUE(reply.get().status.ok());
}

TEST_F(FrontTest, FailsOpenCallsWhenTheDaemonWasRestartedAndKeepsTheConnection) {
  auto client = NewClient();
  auto reply = Show(*client, "web");
  const internal::Call lost = daemon_->ReceiveCall();
  daemon_->Hello(2);
  const Reply got = reply.get();
  EXPECT_EQ(got.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(DetailOf(got.status).reason(), v1::DAEMON_RESTARTED);
  reply = Show(*client, "web");
  const internal::Call call = daemon_->ReceiveCall();
  EXPECT_EQ(call.epoch(), 2U);
  daemon_->Answer(call, 0, "", "", "");
  EXPECT_TRUE(reply.get().status.ok());
}

TEST_F(FrontTest, ForwardsAnAnswerOfManyPackets) {
  auto client = NewClient();
  auto reply = Show(*client, "web");
  const internal::Call call = daemon_->ReceiveCall();
  v1::ShowVmResponse response;
  response.mutable_vm()->set_name(std::string(200'000, 'n'));
  std::string rest = response.SerializeAsString();
  while (!rest.empty()) {
    internal::ToFront message;
    internal::CallResult* result = message.mutable_result();
    result->set_call_id(call.call_id());
    result->set_epoch(1);
    result->set_response(rest.substr(0, 50'000));
    rest.erase(0, 50'000);
    result->set_more(!rest.empty());
    daemon_->Send(message);
  }
  EXPECT_EQ(reply.get().response.vm().name().size(), 200'000U);
}

TEST_F(FrontTest, ClosesTheNinthConnectionAtOnce) {
  std::vector<base::UniqueFd> clients;
  for (uint64_t id = 1; id <= 9; ++id) clients.push_back(daemon_->Connect(id));
  const internal::ConnectionClosed closed = daemon_->ReceiveClosed();
  EXPECT_EQ(closed.connection_id(), 9U);
  EXPECT_EQ(closed.why(), "limit: too many connections of this tenant");
  EXPECT_TRUE(WaitForClose(clients[8].get()));
  // One that ends makes room.
  clients[0].Reset();
  EXPECT_TRUE(daemon_->ReceiveClosed().why().starts_with("peer "));
  auto client = NewClient(10);
  auto reply = Show(*client, "web");
  daemon_->Answer(daemon_->ReceiveCall(), 0, "", "", "");
  EXPECT_TRUE(reply.get().status.ok());
}

TEST_F(FrontTest, ClosesASilentConnection) {
  const base::UniqueFd client = daemon_->Connect(1);
  const base::UniqueFd witness = daemon_->Connect(2);
  ASSERT_EQ(::send(witness.get(), "x", 1, 0), 1);  // its end says that the front has taken both
  EXPECT_EQ(daemon_->ReceiveClosed().connection_id(), 2U);
  clock_.Advance(std::chrono::milliseconds(10'000));
  const internal::ConnectionClosed closed = daemon_->ReceiveClosed();
  EXPECT_EQ(closed.connection_id(), 1U);
  EXPECT_EQ(closed.why(), "guard: no preface in time");
  EXPECT_TRUE(WaitForClose(client.get()));
}

TEST_F(FrontTest, ClosesAHostileConnectionAndServesTheOthers) {
  auto good = NewClient(1);
  const std::string floods[] = {
      Opening() + Headers(1) + Continuation(1),
      Opening() + std::string(100'000, '\0'),
      std::string("GET / HTTP/1.0\r\n\r\n"),
      Opening() + Frame(1, 0, 1, "x"),
  };
  uint64_t id = 2;
  for (const std::string& flood : floods) {
    const base::UniqueFd bad = daemon_->Connect(id);
    ASSERT_GT(::send(bad.get(), flood.data(), flood.size(), MSG_NOSIGNAL), 0);
    EXPECT_TRUE(WaitForClose(bad.get()));
    const internal::ConnectionClosed closed = daemon_->ReceiveClosed();
    EXPECT_EQ(closed.connection_id(), id++);
    EXPECT_TRUE(closed.why().starts_with("guard: ")) << closed.why();
  }
  auto reply = Show(*good, "web");
  daemon_->Answer(daemon_->ReceiveCall(), 0, "", "", "");
  EXPECT_TRUE(reply.get().status.ok());
}

TEST_F(FrontTest, DropsEveryConnectionWhenTold) {
  const base::UniqueFd first = daemon_->Connect(1);
  const base::UniqueFd second = daemon_->Connect(2);
  internal::ToFront message;
  message.mutable_close_connections();
  daemon_->Send(message);
  EXPECT_TRUE(WaitForClose(first.get()));
  EXPECT_TRUE(WaitForClose(second.get()));
  EXPECT_EQ(daemon_->ReceiveClosed().why(), "flatvmd dropped it");
}

TEST_F(FrontTest, EndsWellWithItsLink) {
  const base::UniqueFd client = daemon_->Connect(1);
  daemon_->Hangup();
  thread_.join();
  EXPECT_TRUE(result_.ok()) << result_;
}

TEST_F(FrontTest, EndsWhenTheLinkIsBroken) {
  internal::ToFront message;
  message.mutable_take_connection()->set_connection_id(1);
  daemon_->Send(message);  // without a descriptor
  thread_.join();
  EXPECT_EQ(result_.code(), absl::StatusCode::kInternal);
}

TEST_F(FrontTest, EndsWithACallInFlight) {
  auto client = NewClient();
  auto reply = Show(*client, "web");
  daemon_->ReceiveCall();
  daemon_->Hangup();
  thread_.join();
  EXPECT_TRUE(result_.ok());
  front_ = nullptr;
  EXPECT_EQ(reply.get().status.error_code(), grpc::StatusCode::UNAVAILABLE);
  auto pair = base::MakePacketPair();  // for TearDown
  front_ = std::make_unique<Front>(FrontOptions{}, std::move(pair->theirs), clock_, log_);
}

}  // namespace
}  // namespace flatvm::front
