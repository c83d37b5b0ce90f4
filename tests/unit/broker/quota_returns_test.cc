#include "daemon/broker/quota_returns.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tests/unit/broker/quota_fixture.h"

namespace flatvm::broker {
namespace {

using base::Reason;

class QuotaReturnsTest : public QuotaTest {};

TEST_F(QuotaReturnsTest, AVolumeBecomesAFileAgainAndTheDiskAsLargeAsItWas) {
  const HostState before = StateOf(host_);
  ASSERT_TRUE(Move().ok());
  const auto gone = Return();
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_EQ(gone->volume.name, "web");
  EXPECT_TRUE(HasImage());
  EXPECT_EQ(QuotaFileMib(), kQuotaMib);
  EXPECT_TRUE(Plugged());
  EXPECT_TRUE(world_.directory.ListVolumes("acme")->empty());
  EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
  EXPECT_EQ(StateOf(host_).quota_disks, before.quota_disks);
  EXPECT_EQ(StateOf(host_).storage, before.storage);
  EXPECT_TRUE(host_.records.Volumes().empty());
  EXPECT_TRUE(Move().ok());  // and out again
}

TEST_F(QuotaReturnsTest, LeavesNothingBehindWhicheverStepFails) {
  ASSERT_TRUE(Move().ok());
  const absl::Status fault = base::InternalError("injected");
  const std::vector<std::function<void()>> steps = {
      [&] { host_.primary_disks.FailNext("Detach", fault); },
      [&] { host_.quota_disks.FailNext("Insert", fault); },
      [&] { host_.records.FailNext("PutVolume", fault); },
      [&] { host_.quota_disks.PutImage("acme", kImagePath, base::kMebibyte); },
      [&] { host_.primary_disks.SetGuest(fakes::DiskGuest::kKeeps); },
  };
  for (const auto& fail : steps) {
    const HostState before = StateOf(host_);
    fail();
    const HostState failing = StateOf(host_);  // with what is in the way
    EXPECT_FALSE(Return().ok());
    EXPECT_EQ(StateOf(host_), failing);
    EXPECT_EQ(failing.storage, before.storage);
    EXPECT_TRUE(Plugged());
    EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
    EXPECT_EQ(world_.directory.GetVolume("acme", "web")->volume.state, VolumeState::kReady);
  }
}

TEST_F(QuotaReturnsTest, WhatFailsAfterTheDecisionIsDoneLater) {
  ASSERT_TRUE(Move().ok());
  host_.quota_disks.FailNext("SwapBack", base::InternalError("injected"));
  EXPECT_FALSE(Return().ok());
  EXPECT_EQ(host_.records.Volumes().begin()->second.state, VolumeState::kReturning);
  EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
  EXPECT_EQ(ReasonOf(Return().status()), Reason::kChangeInFlight);
  world_.reconciler.RetryLeftovers();
  EXPECT_TRUE(HasImage());
  EXPECT_TRUE(Plugged());
  EXPECT_EQ(QuotaFileMib(), kQuotaMib);
  EXPECT_TRUE(host_.records.Volumes().empty());
  EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
}

// The record cannot be written nor taken back, so that it may say either at the next start.
TEST_F(QuotaReturnsTest, ADecisionWithoutADiskIsNone) {
  ASSERT_TRUE(Move().ok());
  VolumeRecord record = host_.records.Volumes().begin()->second;
  record.state = VolumeState::kReturning;
  record.new_disk_mib = kQuotaMib;
  ASSERT_TRUE(host_.records.PutVolume(record).ok());
  BrokerWorld& world = Restart();
  EXPECT_EQ(world.directory.GetVolume("acme", "web")->volume.state, VolumeState::kReady);
  EXPECT_EQ(host_.records.Volumes().begin()->second.state, VolumeState::kReady);
  EXPECT_EQ(host_.storage.Snapshot()["acme"].volumes.size(), 1U);
  EXPECT_EQ(QuotaFileMib(), kQuotaMib - kImageMib);
  world.reconciler.RetryLeftovers();
  EXPECT_TRUE(Plugged());
}

TEST_F(QuotaReturnsTest, SaysWhatDoesNotGoBack) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  EXPECT_EQ(ReasonOf(Return("data").status()), Reason::kNotFromQuotaDisk);
  ASSERT_TRUE(Move().ok());
  ASSERT_TRUE(world_.Attach("acme", "web").ok());
  EXPECT_EQ(ReasonOf(Return().status()), Reason::kVolumeInUse);
  ASSERT_TRUE(world_.Detach("acme", "web").ok());
  const HostState before = StateOf(host_);
  EXPECT_TRUE(world_.volumes
                  .Delete({.tenant = "acme",
                           .mode = Mode::kValidateOnly,
                           .volume = "web",
                           .fate = DiskFate::kReturn})
                  .ok());
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(QuotaReturnsTest, ARepeatedRequestIsAnsweredLikeTheFirst) {
  ASSERT_TRUE(Move().ok());
  const auto first = Return("web", "r1");
  const auto again = Return("web", "r1");
  ASSERT_TRUE(first.ok() && again.ok()) << again.status();
  EXPECT_EQ(first->volume, again->volume);
}

TEST_F(QuotaReturnsTest, AVolumeThatGrewGoesBackWhole) {
  ASSERT_TRUE(Move().ok());
  ASSERT_TRUE(
      world_.volumes.Resize({.tenant = "acme", .volume = "web", .size_mib = kImageMib + 20}).ok());
  ASSERT_TRUE(Return().ok());
  EXPECT_EQ(QuotaFileMib(), kQuotaMib);
  EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
}

}  // namespace
}  // namespace flatvm::broker
