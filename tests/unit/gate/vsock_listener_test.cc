#include "daemon/gate/vsock_listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace flatvm::gate {
namespace {

constexpr uint32_t kPort = 710'710;  // nobody else's

TEST(VsockListener, AdoptsOnlyAListeningVsockSocket) {
  const base::UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(CheckVsockListener(file.get()).code(), absl::StatusCode::kInternal);
  const base::UniqueFd unix_socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(CheckVsockListener(unix_socket.get()).code(), absl::StatusCode::kInternal);
}

TEST(VsockListener, SaysThatAcceptFailed) {
  const base::UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(AcceptVsock(file.get()).status().code(), absl::StatusCode::kInternal);
}

TEST(VsockListener, ListensAndWaitsForNobody) {
  const base::UniqueFd probe(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) GTEST_SKIP() << "needs AF_VSOCK in the kernel";
  EXPECT_EQ(CheckVsockListener(probe.get()).code(), absl::StatusCode::kInternal) << "not listening";
  const auto listener = ListenOnVsock(kPort);
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(CheckVsockListener(listener->get()).ok());
  const auto accepted = AcceptVsock(listener->get());
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_FALSE(accepted->has_value());
  EXPECT_EQ(ListenOnVsock(kPort).status().code(), absl::StatusCode::kInternal) << "taken";
}

}  // namespace
}  // namespace flatvm::gate
