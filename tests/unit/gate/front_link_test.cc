#include "daemon/gate/front_link.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <functional>

#include "daemon/base/packet_socket.h"
#include "flatvm/v1/types.pb.h"

namespace flatvm::gate {
namespace {

const FrontLink::Time kNow{std::chrono::hours(1)};
constexpr uint64_t kEpoch = 7;

// The front's end of the link is the test's.
class FrontLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = base::MakePacketPair();
    ASSERT_TRUE(pair.ok());
    front_ = std::move(pair->theirs);
    link_ = std::make_unique<FrontLink>(std::move(pair->ours), kEpoch);
    ASSERT_TRUE(link_->Flush().ok());
    ASSERT_EQ(FromDaemon().hello().epoch(), kEpoch);
  }

  // The next packet to the front.
  internal::ToFront FromDaemon() {
    base::Packet packet;
    EXPECT_EQ(base::ReceivePacket(front_.get(), base::Descriptors::kAllowOne, &packet),
              base::ReceiveResult::kPacket);
    internal::ToFront message;
    EXPECT_TRUE(message.ParseFromString(packet.bytes));
    descriptor_ = std::move(packet.descriptor);
    return message;
  }

  bool NothingFromDaemon() {
    base::Packet packet;
    return base::ReceivePacket(front_.get(), base::Descriptors::kAllowOne, &packet) ==
           base::ReceiveResult::kWouldBlock;
  }

  static internal::FromFront Call(uint64_t id, uint64_t epoch = kEpoch) {
    internal::FromFront message;
    message.mutable_call()->set_call_id(id);
    message.mutable_call()->set_epoch(epoch);
    message.mutable_call()->set_method("ShowVm");
    return message;
  }

  void Send(const std::string& bytes, int descriptor = -1) {
    ASSERT_EQ(base::SendPacket(front_.get(), bytes, descriptor), base::SendResult::kSent);
  }
  void Send(const internal::FromFront& message) { Send(message.SerializeAsString()); }

  absl::Status Receive() {
    messages_.clear();
    return link_->Receive(kNow, &messages_);
  }

  base::UniqueFd front_;
  std::unique_ptr<FrontLink> link_;
  base::UniqueFd descriptor_;
  std::vector<internal::FromFront> messages_;
};

TEST_F(FrontLinkTest, SendsAConnectionWithItsDescriptor) {
  base::UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(link_->SendConnection(3, std::move(file)).ok());
  EXPECT_NE(link_->Events() & EPOLLOUT, 0U);
  ASSERT_TRUE(link_->Flush().ok());
  EXPECT_EQ(link_->Events() & EPOLLOUT, 0U);
  EXPECT_EQ(FromDaemon().take_connection().connection_id(), 3U);
  EXPECT_TRUE(descriptor_.valid());
}

TEST_F(FrontLinkTest, DropsConnectionsThatStillWaitToBeSent) {
  ASSERT_TRUE(link_->SendConnection(3, base::UniqueFd(::open("/dev/null", O_CLOEXEC))).ok());
  ASSERT_TRUE(link_->SendCloseConnections().ok());
  ASSERT_TRUE(link_->Flush().ok());
  EXPECT_TRUE(FromDaemon().has_close_connections());
  EXPECT_TRUE(NothingFromDaemon());
}

TEST_F(FrontLinkTest, AnswersACallOnce) {
  Send(Call(1));
  ASSERT_TRUE(Receive().ok());
  ASSERT_EQ(messages_.size(), 1U);
  ASSERT_TRUE(link_->SendResult(1, {.code = 5, .message = "no such \xff", .detail = "d"}).ok());
  ASSERT_TRUE(link_->SendResult(1, {.code = 0}).ok());
  ASSERT_TRUE(link_->Flush().ok());
  const internal::CallResult result = FromDaemon().result();
  EXPECT_EQ(result.call_id(), 1U);
  EXPECT_EQ(result.epoch(), kEpoch);
  EXPECT_EQ(result.code(), 5);
  EXPECT_EQ(result.message(), "no such \\xff");
  EXPECT_EQ(result.detail(), "d");
  EXPECT_FALSE(result.more());
  EXPECT_TRUE(NothingFromDaemon());
}

TEST_F(FrontLinkTest, SplitsALargeAnswer) {
  Send(Call(1));
  ASSERT_TRUE(Receive().ok());
  std::string response(kMaxResponseBytes, 'x');
  response.back() = 'y';
  ASSERT_TRUE(link_->SendResult(1, {.response = response}).ok());
  std::string joined;
  bool more = true;
  while (more) {
    ASSERT_TRUE(link_->Flush().ok());
    const internal::ToFront message = FromDaemon();
    ASSERT_TRUE(message.has_result());
    joined += message.result().response();
    more = message.result().more();
  }
  EXPECT_TRUE(joined == response);
}

TEST_F(FrontLinkTest, RefusesToSendAnAnswerOverTheLimit) {
  Send(Call(1));
  ASSERT_TRUE(Receive().ok());
  ASSERT_TRUE(link_->SendResult(1, {.response = std::string(kMaxResponseBytes + 1, 'x')}).ok());
  ASSERT_TRUE(link_->Flush().ok());
  const internal::CallResult result = FromDaemon().result();
  EXPECT_EQ(result.code(), static_cast<int>(absl::StatusCode::kInternal));
  EXPECT_EQ(result.response(), "");
}

TEST_F(FrontLinkTest, DropsACallOfAnEarlierEpoch) {
  Send(Call(1, kEpoch - 1));
  Send(Call(1));
  ASSERT_TRUE(Receive().ok());
  ASSERT_EQ(messages_.size(), 1U);
  EXPECT_EQ(messages_[0].call().epoch(), kEpoch);
}

TEST_F(FrontLinkTest, LeavesCallsBeyondTheLimitInTheSocket) {
  for (uint64_t id = 0; id < kMaxCallsOfFront + 1; ++id) Send(Call(id));
  size_t received = 0;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Receive().ok());
    received += messages_.size();
  }
  EXPECT_EQ(received, kMaxCallsOfFront);
  EXPECT_EQ(link_->Events() & EPOLLIN, 0U) << "waits for no more";
  ASSERT_TRUE(link_->SendResult(0, {}).ok());
  EXPECT_NE(link_->Events() & EPOLLIN, 0U);
  ASSERT_TRUE(Receive().ok());
  EXPECT_EQ(messages_.size(), 1U);
}

TEST_F(FrontLinkTest, KeepsAPace) {
  internal::FromFront note;
  note.mutable_connection_closed()->set_why("again");
  size_t received = 0;
  while (link_->Pause(kNow).count() == 0) {
    for (int i = 0; i < 8; ++i) Send(note);
    ASSERT_TRUE(Receive().ok());
    received += messages_.size();
    ASSERT_LE(received, 3'000U);
  }
  EXPECT_GE(received, 1'900U);
  EXPECT_EQ(link_->Events() & EPOLLIN, 0U);
  Send(note);
  ASSERT_TRUE(Receive().ok());
  EXPECT_TRUE(messages_.empty());
  ASSERT_TRUE(link_->Receive(kNow + link_->Pause(kNow), &messages_).ok());
  EXPECT_EQ(messages_.size(), 1U);
}

TEST_F(FrontLinkTest, GivesUpAFrontThatDoesNotRead) {
  absl::Status status;
  int answers = 0;
  for (uint64_t id = 0; status.ok() && id < 100; ++id, ++answers) {
    Send(Call(id));
    ASSERT_TRUE(Receive().ok());
    status = link_->SendResult(id, {.response = std::string(kMaxResponseBytes, 'x')});
    ASSERT_TRUE(link_->Flush().ok());
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_GE(answers, 8);
}

TEST_F(FrontLinkTest, TellsThatTheFrontIsGone) {
  front_.Reset();
  EXPECT_EQ(Receive().code(), absl::StatusCode::kCancelled);
  ASSERT_TRUE(link_->SendCloseConnections().ok());
  EXPECT_EQ(link_->Flush().code(), absl::StatusCode::kUnavailable);
}

TEST_F(FrontLinkTest, EndsWithAnyBreachOfTheRules) {
  internal::FromFront long_method = Call(1);
  long_method.mutable_call()->set_method(std::string(65, 'm'));
  const std::vector<std::pair<const char*, std::function<void()>>> breaches = {
      {"not a message", [this] { Send("\xff\xff\xff\xff"); }},
      {"no kind", [this] { Send("\x7a\x01x"); }},
      {"long method", [this, &long_method] { Send(long_method); }},
      {"method that is no UTF-8", [this] { Send("\x0a\x05\x08\x01\x1a\x01\xff"); }},
      {"same id twice",
       [this] {
         Send(Call(9));
         Send(Call(9));
       }},
      {"a descriptor",
       [this] {
         const base::UniqueFd file(::open("/dev/null", O_CLOEXEC));
         Send(Call(1).SerializeAsString(), file.get());
       }},
      {"too large",
       [this] {
         const std::string large(base::kMaxPacketBytes + 1, '\x12');
         ASSERT_GT(::send(front_.get(), large.data(), large.size(), 0), 0);
       }},
  };
  for (const auto& [name, breach] : breaches) {
    SetUp();
    breach();
    EXPECT_EQ(Receive().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

}  // namespace
}  // namespace flatvm::gate
