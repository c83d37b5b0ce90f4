#include "daemon/front/connection.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>

#include "tests/unit/front/h2_bytes.h"

namespace flatvm::front {
namespace {

using std::chrono::milliseconds;
const Connection::Time kStart{std::chrono::hours(1)};

// A connection between a client's socket and gRPC's, both held by the test.
class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    int client[2];
    int server[2];
    constexpr int kType = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    ASSERT_EQ(::socketpair(AF_UNIX, kType, 0, client), 0);
    ASSERT_EQ(::socketpair(AF_UNIX, kType, 0, server), 0);
    client_.Reset(client[0]);
    grpc_.Reset(server[0]);
    connection_ = std::make_unique<Connection>(
        7, base::UniqueFd(client[1]), base::UniqueFd(server[1]), ConnectionLimits{}, kStart);
  }

  static std::string ReadAll(const base::UniqueFd& socket) {
    std::string all;
    std::array<char, 65'536> buffer;
    for (ssize_t got = 0; (got = ::recv(socket.get(), buffer.data(), buffer.size(), 0)) > 0;) {
      all.append(buffer.data(), static_cast<size_t>(got));
    }
    return all;
  }
  static void Write(const base::UniqueFd& socket, std::string_view bytes) {
    ASSERT_EQ(::send(socket.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  // The server's words until neither socket takes more.
  void FillTowardsTheClient() {
    const std::string chunk = Data(1, false, 16'000);
    while (::send(grpc_.get(), chunk.data(), chunk.size(), 0) > 0) {
      ASSERT_EQ(connection_->Pump(kStart), "");
    }
  }

  base::UniqueFd client_;
  base::UniqueFd grpc_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(ConnectionTest, MovesBytesBothWays) {
  Write(client_, Opening() + Headers(1));
  Write(grpc_, Settings());
  EXPECT_EQ(connection_->Pump(kStart), "");
  EXPECT_EQ(ReadAll(grpc_), Opening() + Headers(1));
  EXPECT_EQ(ReadAll(client_), Settings());
}

TEST_F(ConnectionTest, EndsAtTheGuardsWordAndPassesNothingMoreOn) {
  Write(client_, Opening() + Continuation(1));
  EXPECT_EQ(connection_->Pump(kStart), "guard: CONTINUATION frame");
  EXPECT_EQ(ReadAll(grpc_), "");
}

TEST_F(ConnectionTest, EndsWithItsClient) {
  client_.Reset();
  EXPECT_EQ(connection_->Pump(kStart), "peer closed");
}

TEST_F(ConnectionTest, StopsReadingTheServerWhileTheClientDoesNotRead) {
  FillTowardsTheClient();
  EXPECT_EQ(connection_->ServerEvents() & EPOLLIN, 0U);
  EXPECT_NE(connection_->ClientEvents() & EPOLLOUT, 0U);
}

TEST_F(ConnectionTest, EndsAClientThatDoesNotRead) {
  Write(client_, Opening() + Headers(1, true));
  FillTowardsTheClient();
  EXPECT_EQ(connection_->CheckTime(kStart + milliseconds(4'999)), "");
  EXPECT_EQ(connection_->CheckTime(kStart + milliseconds(5'000)), "guard: client does not read");
  // One that reads a little in time has time again.
  ReadAll(client_);
  ASSERT_EQ(connection_->Pump(kStart + milliseconds(4'999)), "");
  EXPECT_EQ(connection_->CheckTime(kStart + milliseconds(9'998)), "");
}

TEST_F(ConnectionTest, LetsTheServersLastWordsOutBeforeItEnds) {
  FillTowardsTheClient();
  const std::string last = Frame(7, 0, 0, "last one");
  while (::send(grpc_.get(), last.data(), last.size(), 0) < 0) {
    ReadAll(client_);
    ASSERT_EQ(connection_->Pump(kStart), "");
  }
  grpc_.Reset();
  connection_->OnServerHangup();
  std::string read;
  std::string_view why;
  for (int i = 0; i < 1'000 && why.empty(); ++i) {
    why = connection_->Pump(kStart);
    read += ReadAll(client_);
  }
  EXPECT_EQ(why, "server closed");
  EXPECT_TRUE(read.ends_with(last));
}

}  // namespace
}  // namespace flatvm::front
