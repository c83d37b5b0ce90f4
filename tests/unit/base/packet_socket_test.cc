#include "daemon/base/packet_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace flatvm::base {
namespace {

class PacketSocket : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = MakePacketPair();
    ASSERT_TRUE(pair.ok()) << pair.status();
    pair_ = *std::move(pair);
  }
  ReceiveResult Receive(Descriptors descriptors) {
    return ReceivePacket(pair_.theirs.get(), descriptors, &packet_);
  }

  PacketPair pair_;
  Packet packet_;
};

bool SameFile(int a, int b) {
  struct stat first {};
  struct stat second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_ino == second.st_ino &&
         first.st_dev == second.st_dev;
}

TEST_F(PacketSocket, KeepsBoundaries) {
  EXPECT_EQ(SendPacket(pair_.ours.get(), "one"), SendResult::kSent);
  EXPECT_EQ(SendPacket(pair_.ours.get(), "two"), SendResult::kSent);
  EXPECT_EQ(Receive(Descriptors::kRefuse), ReceiveResult::kPacket);
  EXPECT_EQ(packet_.bytes, "one");
  EXPECT_EQ(Receive(Descriptors::kRefuse), ReceiveResult::kPacket);
  EXPECT_EQ(packet_.bytes, "two");
  EXPECT_EQ(Receive(Descriptors::kRefuse), ReceiveResult::kWouldBlock);
}

TEST_F(PacketSocket, CarriesADescriptorClosedOnExec) {
  const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(SendPacket(pair_.ours.get(), "take", file.get()), SendResult::kSent);
  EXPECT_EQ(Receive(Descriptors::kAllowOne), ReceiveResult::kPacket);
  ASSERT_TRUE(packet_.descriptor.valid());
  EXPECT_TRUE(SameFile(packet_.descriptor.get(), file.get()));
  EXPECT_EQ(::fcntl(packet_.descriptor.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(PacketSocket, RefusesADescriptorWhereNoneMayBe) {
  const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(SendPacket(pair_.ours.get(), "take", file.get()), SendResult::kSent);
  EXPECT_EQ(Receive(Descriptors::kRefuse), ReceiveResult::kBroken);
  EXPECT_FALSE(packet_.descriptor.valid());
}

TEST_F(PacketSocket, HoldsSeveralOfTheLargestPacketsAndThenWouldBlock) {
  const std::string largest(kMaxPacketBytes, 'x');
  int sent = 0;
  while (SendPacket(pair_.ours.get(), largest) == SendResult::kSent) ++sent;
  EXPECT_GE(sent, 2);
  EXPECT_EQ(SendPacket(pair_.ours.get(), largest), SendResult::kWouldBlock);
  EXPECT_EQ(Receive(Descriptors::kRefuse), ReceiveResult::kPacket);
  EXPECT_EQ(packet_.bytes, largest);
}

TEST_F(PacketSocket, RefusesWhatIsTooLarge) {
  const std::string larger(kMaxPacketBytes + 1, 'x');
  EXPECT_EQ(SendPacket(pair_.ours.get(), larger), SendResult::kBroken);
  ASSERT_EQ(::send(pair_.ours.get(), larger.data(), larger.size(), 0),
            static_cast<ssize_t>(larger.size()));
  EXPECT_EQ(Receive(Descriptors::kRefuse), ReceiveResult::kBroken);
}

TEST_F(PacketSocket, TellsThatTheOtherEndIsGone) {
  pair_.ours.Reset();
  EXPECT_EQ(Receive(Descriptors::kAllowOne), ReceiveResult::kClosed);
  EXPECT_EQ(SendPacket(pair_.theirs.get(), "x"), SendResult::kBroken);
}

}  // namespace
}  // namespace flatvm::base
