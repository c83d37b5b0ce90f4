#include "daemon/libvirt/connection.h"

#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "tests/fakes/fake_log.h"

namespace flatvm::libvirt {
namespace {

constexpr char kNowhere[] = "qemu+unix:///system?socket=/nonexistent/libvirt-sock";

TEST(Connection, IsKept) {
  Connection connection("test:///default");
  const auto first = connection.Get();
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = connection.Get();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->get(), second->get());
}

TEST(Connection, OutlivesItsOwnerWhereItIsHeld) {
  ConnectPtr held;
  {
    Connection connection("test:///default");
    held = *connection.Get();
  }
  EXPECT_EQ(virConnectIsAlive(held.get()), 1);
}

TEST(Connection, SaysThatLibvirtIsOutOfReach) {
  Connection connection(kNowhere);
  const absl::Status status = connection.Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kHypervisorUnavailable);
  EXPECT_EQ(base::PublicMessage(status).find("/nonexistent"), std::string::npos);
}

TEST(Connection, LogsAnOutageOnceWithItsCause) {
  fakes::FakeLog log;
  Connection connection(kNowhere, &log);
  EXPECT_FALSE(connection.Get().ok());
  EXPECT_FALSE(connection.Get().ok());
  ASSERT_EQ(log.Lines().size(), 1U);
  EXPECT_EQ(log.Lines().front().level, base::LogLevel::kError);
  EXPECT_TRUE(log.Has("/nonexistent/libvirt-sock"));
}

}  // namespace
}  // namespace flatvm::libvirt
