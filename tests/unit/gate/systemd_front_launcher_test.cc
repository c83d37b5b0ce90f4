#include "daemon/gate/systemd_front_launcher.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>

#include "daemon/base/error.h"
#include "daemon/base/packet_socket.h"
#include "tests/unit/gate/fake_manager.h"

namespace flatvm::gate {
namespace {

constexpr char kExists[] = "org.freedesktop.systemd1.UnitExists";
using Calls = std::vector<std::string>;

class SystemdFrontLauncherTest : public testing::Test {
 protected:
  absl::Status Start() {
    auto pair = base::MakePacketPair();
    EXPECT_TRUE(pair.ok());
    ours_ = std::move(pair->ours);
    return launcher_.Start("acme", std::move(pair->theirs));
  }

  FakeManager manager_;
  base::UniqueFd ours_;
  SystemdFrontLauncher launcher_{{.program = "/usr/libexec/front",
                                  .memory_max_bytes = 1,
                                  .open_bus = [this](sd_bus** bus) { return manager_.Open(bus); }}};
};

TEST_F(SystemdFrontLauncherTest, StartsAUnitWithTheLink) {
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(manager_.calls(), Calls{"StartTransientUnit flatvm-front-acme.service"});
  const base::UniqueFd link = manager_.TakeLink();
  ASSERT_TRUE(link.valid());
  EXPECT_EQ(base::SendPacket(ours_.get(), "x"), base::SendResult::kSent);
  base::Packet packet;
  EXPECT_EQ(base::ReceivePacket(link.get(), base::Descriptors::kRefuse, &packet),
            base::ReceiveResult::kPacket);
}

// Types as org.freedesktop.systemd1(5) has them.
TEST_F(SystemdFrontLauncherTest, SaysPropertiesInSystemdsTypes) {
  ASSERT_TRUE(Start().ok());
  const std::map<std::string, std::string> expected = {
      {"Slice", "s flatvm-acme.slice"},
      {"Type", "s exec"},
      {"ExecStart", "a(sasb)"},
      {"StandardInputFileDescriptor", "h"},
      {"SystemCallFilter", "(bas)"},
      {"RestrictAddressFamilies", "(bas)"},
      {"SystemCallArchitectures", "as"},
      {"CapabilityBoundingSet", "t"},
      {"RestrictNamespaces", "t"},
      {"LimitNOFILE", "t"},
      {"OOMScoreAdjust", "i"},
      {"SystemCallErrorNumber", "i"},
      {"UMask", "u"},
      {"DynamicUser", "b"},
      {"ProtectHome", "s yes"},
      {"InaccessiblePaths", "as"},
      {"CollectMode", "s inactive-or-failed"},
  };
  const auto properties = manager_.properties();
  for (const auto& [name, type] : expected) {
    const auto found = properties.find(name);
    ASSERT_NE(found, properties.end()) << name;
    EXPECT_EQ(found->second, type) << name;
  }
}

TEST_F(SystemdFrontLauncherTest, StopsAnEarlierFrontFirst) {
  manager_.FailNext(kExists);
  EXPECT_TRUE(Start().ok());
  EXPECT_EQ(manager_.calls(), (Calls{"StartTransientUnit flatvm-front-acme.service",
                                     "StopUnit flatvm-front-acme.service",
                                     "StartTransientUnit flatvm-front-acme.service"}));
}

TEST_F(SystemdFrontLauncherTest, SaysWhyAFrontDidNotStart) {
  manager_.SetJobResult("failed");
  absl::Status status = Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find("the job ended \"failed\""), absl::string_view::npos);
  manager_.FailNext("org.freedesktop.systemd1.BadUnitSetting");
  status = Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find("as told"), absl::string_view::npos);
}

TEST_F(SystemdFrontLauncherTest, SaysThatTheServiceManagerIsNotThere) {
  manager_.FailNext("org.freedesktop.DBus.Error.NoReply");
  EXPECT_EQ(base::GetErrorInfo(Start()).reason, base::Reason::kServiceManagerUnavailable);
  SystemdFrontLauncher launcher({.open_bus = [](sd_bus** /*bus*/) { return -ENOENT; }});
  EXPECT_EQ(base::GetErrorInfo(launcher.Stop("acme")).reason,
            base::Reason::kServiceManagerUnavailable);
}

TEST_F(SystemdFrontLauncherTest, StopsAFrontOrNone) {
  EXPECT_TRUE(launcher_.Stop("acme").ok());
  manager_.FailNext("org.freedesktop.systemd1.NoSuchUnit");
  EXPECT_TRUE(launcher_.Stop("acme").ok());
  manager_.SetJobResult("timeout");
  EXPECT_EQ(launcher_.Stop("acme").code(), absl::StatusCode::kInternal);
}

TEST_F(SystemdFrontLauncherTest, ListsTheTenantsWhoseFrontIsThere) {
  manager_.SetUnits({"flatvm-front-acme.service", "flatvm-front-a\\x2db.service",
                     "flatvm-front-no-tenant.service"});
  const auto tenants = launcher_.ListRunning();
  ASSERT_TRUE(tenants.ok()) << tenants.status();
  EXPECT_EQ(*tenants, (std::vector<std::string>{"acme", "a-b"}));
}

}  // namespace
}  // namespace flatvm::gate
