#include <gtest/gtest.h>

#include <string>

#include "daemon/base/error.h"
#include "daemon/broker/reconciler.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

class RepairLimitsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.AddTenant("acme").ok()); }

  // The journal's lines that hold `text`.
  size_t Lines(const std::string& text) {
    size_t n = 0;
    for (const auto& line : host_.log.Lines()) {
      if (line.message.find(text) != std::string::npos) ++n;
    }
    return n;
  }

  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(RepairLimitsTest, SetsAgainWhatSomebodyChangedAndNamesIt) {
  const cgroups::SliceLimits wanted = host_.cgroups.Snapshot().at("acme");
  cgroups::SliceLimits tampered = wanted;
  tampered.memory_max_bytes = cgroups::kNoLimit;
  tampered.io.write_bytes = 5;
  host_.cgroups.SetLimits("acme", tampered);
  world_.reconciler.RepairLimits();
  EXPECT_EQ(host_.cgroups.Snapshot().at("acme"), wanted);
  EXPECT_EQ(Lines("memory.max max instead of 4294967296, io.max wbps 5 instead of max"), 1U);
}

TEST_F(RepairLimitsTest, SeesEveryLimit) {
  const cgroups::SliceLimits wanted = host_.cgroups.Snapshot().at("acme");
  std::vector<cgroups::SliceLimits> tampered(10, wanted);
  tampered[0].memory_max_bytes = 1;
  tampered[1].memory_high_bytes = 1;
  tampered[2].swap_max_bytes = 1;
  tampered[3].cpu_percent = 1;
  tampered[4].cpus = {0};
  tampered[5].tasks_max = 1;
  tampered[6].io.read_bytes = 1;
  tampered[7].io.write_bytes = 1;
  tampered[8].io.read_operations = 1;
  tampered[9].io.write_operations = 1;
  for (const cgroups::SliceLimits& limits : tampered) {
    host_.cgroups.SetLimits("acme", limits);
    world_.reconciler.RepairLimits();
    EXPECT_EQ(host_.cgroups.Snapshot().at("acme"), wanted);
  }
  EXPECT_EQ(Lines("somebody changed the tenant's limits"), tampered.size());
}

TEST_F(RepairLimitsTest, IsSilentWhileNothingChanged) {
  world_.reconciler.RepairLimits();
  EXPECT_EQ(Lines("somebody changed"), 0U);
}

TEST_F(RepairLimitsTest, MakesASliceThatIsGoneAgain) {
  ASSERT_TRUE(host_.cgroups.RemoveSlice("acme").ok());
  world_.reconciler.RepairLimits();
  EXPECT_TRUE(host_.cgroups.Snapshot().contains("acme"));
  EXPECT_EQ(Lines("its slice is gone"), 1U);
}

TEST_F(RepairLimitsTest, TriesAgainWhatFailed) {
  cgroups::SliceLimits tampered = host_.cgroups.Snapshot().at("acme");
  tampered.tasks_max = 1;
  host_.cgroups.SetLimits("acme", tampered);
  host_.cgroups.FailNext("EnsureSlice", absl::UnavailableError("away"));
  world_.reconciler.RepairLimits();
  EXPECT_EQ(host_.cgroups.Snapshot().at("acme").tasks_max, 1U);
  world_.reconciler.RepairLimits();
  EXPECT_NE(host_.cgroups.Snapshot().at("acme").tasks_max, 1U);
}

}  // namespace
}  // namespace flatvm::broker
