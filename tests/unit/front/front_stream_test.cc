// A stream of messages through the front: a call of flatvmd for each, one after the other.
#include <grpcpp/create_channel_posix.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "daemon/front/front.h"
#include "flatvm/v1/images.grpc.pb.h"
#include "flatvm/v1/types.pb.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/front/fake_daemon.h"

namespace flatvm::front {
namespace {

class FrontStreamTest : public testing::Test {
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
    client_ = v1::Images::NewStub(
        grpc::CreateInsecureChannelFromFd("front", daemon_->Connect(1).Release()));
  }
  void TearDown() override {
    front_->Stop();
    if (thread_.joinable()) thread_.join();
  }

  struct Reply {
    grpc::Status status;
    v1::WriteImageResponse response;
  };
  // Sends messages with these offsets, ends the stream, and waits for its answer.
  std::future<Reply> Send(std::vector<uint64_t> offsets) {
    return std::async(std::launch::async, [this, offsets = std::move(offsets)] {
      Reply reply;
      grpc::ClientContext context;
      const auto writer = client_->WriteImage(&context, &reply.response);
      for (const uint64_t offset : offsets) {
        v1::WriteImageRequest request;
        request.set_offset(offset);
        request.set_data(std::string(60'000, 'x'));
        if (!writer->Write(request)) break;
      }
      writer->WritesDone();
      reply.status = writer->Finish();
      return reply;
    });
  }
  // The next message as flatvmd gets it.
  internal::Call Receive(uint64_t offset) {
    const internal::Call call = daemon_->ReceiveCall();
    EXPECT_EQ(call.method(), "WriteImage");
    v1::WriteImageRequest request;
    EXPECT_TRUE(request.ParseFromString(call.request()));
    EXPECT_EQ(request.offset(), offset);
    EXPECT_EQ(request.data().size(), 60'000U);
    return call;
  }
  void Accept(const internal::Call& call, uint64_t received_bytes) {
    v1::WriteImageResponse response;
    response.set_received_bytes(received_bytes);
    daemon_->Answer(call, 0, "", "", response.SerializeAsString());
  }

  fakes::FakeClock clock_;
  base::StderrLogger log_;
  std::unique_ptr<FakeDaemon> daemon_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<v1::Images::Stub> client_;
  absl::Status result_;
  std::thread thread_;
};

TEST_F(FrontStreamTest, SendsOneMessageOnAfterTheOtherAndAnswersWithTheLast) {
  auto reply = Send({0, 1, 2});
  for (const uint64_t offset : {0U, 1U, 2U}) {
    // The next one comes only when this one is answered.
    Accept(Receive(offset), offset + 10);
  }
  const Reply got = reply.get();
  EXPECT_TRUE(got.status.ok()) << got.status.error_message();
  EXPECT_EQ(got.response.received_bytes(), 12U);
}

TEST_F(FrontStreamTest, EndsWithTheFirstFailure) {
  auto reply = Send(std::vector<uint64_t>(100, 0));
  Accept(Receive(0), 1);
  v1::ErrorDetail detail;
  detail.set_reason(v1::IMAGE_UNUSABLE);
  daemon_->Answer(Receive(0), 9, "must not have a backing file", detail.SerializeAsString(), "");
  const Reply got = reply.get();
  EXPECT_EQ(got.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(got.status.error_message(), "must not have a backing file");
}

TEST_F(FrontStreamTest, AStreamWithoutAMessageIsNoRequest) {
  const Reply got = Send({}).get();
  EXPECT_EQ(got.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(FrontStreamTest, ARestartOfFlatvmdEndsIt) {
  auto reply = Send(std::vector<uint64_t>(100, 0));
  Accept(Receive(0), 1);
  Receive(0);
  daemon_->Hello(2);
  EXPECT_EQ(reply.get().status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace flatvm::front
