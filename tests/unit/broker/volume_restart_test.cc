// Volumes across a kill of flatvmd at any moment.
#include <gtest/gtest.h>

#include <memory>

#include "daemon/broker/reconciler.h"
#include "tests/unit/broker/volume_fixture.h"

namespace flatvm::broker {
namespace {

class VolumeRestartTest : public VolumeLifecycleTest {
 protected:
  // flatvmd is killed and starts again.
  BrokerWorld& Restart() {
    next_ = std::make_unique<BrokerWorld>(host_);
    EXPECT_TRUE(next_->reconciler.ReconcileAtStart(*host_.records.Load()).ok());
    return *next_;
  }

  std::unique_ptr<BrokerWorld> next_;
};

TEST_F(VolumeRestartTest, FindsVolumesAgain) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  ASSERT_TRUE(world_.CreateVolume("acme", "boot", 10).ok());
  ASSERT_TRUE(world_.Attach("acme", "data").ok());
  ASSERT_TRUE(world_.Create("acme", WithVolume("boot")).ok());
  const HostState before = StateOf(host_);
  BrokerWorld& world = Restart();
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world.directory.GetVolume("acme", "data")->attached_to, "primary");
  EXPECT_EQ(world.directory.GetVolume("acme", "boot")->attached_to, "db");
  EXPECT_EQ(world.Used("acme").disk_mib, 20U);
}

TEST_F(VolumeRestartTest, UndoesWhatWasHalfMadeAndFinishesWhatWasHalfDeleted) {
  const HostState before = StateOf(host_);
  for (const VolumeState state : {VolumeState::kCreating, VolumeState::kDeleting}) {
    const auto made = world_.CreateVolume("acme", "data", 10);
    VolumeRecord record = made->volume;
    record.state = state;
    ASSERT_TRUE(host_.records.PutVolume(record).ok());
    EXPECT_EQ(Restart().Used("acme").disk_mib, 0U);
    EXPECT_EQ(StateOf(host_), before);
    ASSERT_TRUE(Delete("data").ok());  // the earlier run's registry
  }
}

TEST_F(VolumeRestartTest, FinishesAResize) {
  const auto made = world_.CreateVolume("acme", "data", 10);
  VolumeRecord record = made->volume;
  record.size_mib = 40;
  ASSERT_TRUE(host_.records.PutVolume(record).ok());
  Restart();
  EXPECT_EQ(host_.storage.Snapshot()["acme"].volumes[record.id].size_mib, 40U);
}

TEST_F(VolumeRestartTest, BelievesTheRunningPrimaryAboutItsDisks) {
  const auto made = world_.CreateVolume("acme", "data", 10);
  VolumeRecord record = made->volume;
  record.on_primary = true;  // killed between the record and the plug
  ASSERT_TRUE(host_.records.PutVolume(record).ok());
  EXPECT_EQ(Restart().directory.GetVolume("acme", "data")->attached_to, "");
  EXPECT_FALSE(host_.records.Volumes().at(record.id).on_primary);
}

TEST_F(VolumeRestartTest, RemovesAVolumesFileThatHasNoRecord) {
  const HostState before = StateOf(host_);
  ASSERT_TRUE(host_.storage.CreateVolume("acme", "0c1f6c1e-8f0f-4b58-9d57-6a1f1e5d9b11", 10).ok());
  Restart();
  EXPECT_EQ(StateOf(host_), before);
}

}  // namespace
}  // namespace flatvm::broker
