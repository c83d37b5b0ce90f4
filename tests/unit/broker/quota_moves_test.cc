#include "daemon/broker/quota_moves.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/types.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

using base::Reason;

constexpr uint32_t kQuotaMib = 512;  // of the tenant's 1024
constexpr uint64_t kImageBytes = 10 * base::kMebibyte + 512;
constexpr uint32_t kImageMib = 11;
constexpr char kPath[] = "images/web.raw";
constexpr char kDisk[] = "/tenants/acme/quota.raw";

class QuotaMovesTest : public ::testing::Test {
 protected:
  QuotaMovesTest() {
    const auto made = world_.tenants.Create(
        {.name = "acme",
         .primary = "acme-primary",
         .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 1024},
         .quota_disk_mib = kQuotaMib,
         .restart = PrimaryRestart::kRestart});
    EXPECT_TRUE(made.ok()) << made.status();
    EXPECT_TRUE(world_.quota_moves.plug().Ensure("acme").ok());  // tells its primary the size
    host_.quota_disks.PutImage("acme", kPath, kImageBytes);
  }

  absl::StatusOr<VolumeView> Move(const std::string& path = kPath,
                                  const std::string& request_id = "") {
    return world_.volumes.Create(
        {.tenant = "acme", .request_id = request_id, .name = "web", .quota_path = path});
  }
  static Reason ReasonOf(const absl::Status& status) { return base::GetErrorInfo(status).reason; }
  uint32_t QuotaFileMib() { return host_.quota_disks.Snapshot().disks["acme"].size_mib; }
  fakes::FakeDisks PrimaryDisks() {
    const auto disks = host_.primary_disks.Snapshot();
    return disks.empty() ? fakes::FakeDisks() : disks.begin()->second;
  }
  bool Plugged() {
    const fakes::FakeDisks disks = PrimaryDisks();
    return disks.live.size() == 1 && disks.live[0].path == kDisk &&
           disks.live[0].serial == "flatvm-quota" && disks.defined == disks.live;
  }

  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(QuotaMovesTest, ATenantGetsItsQuotaDiskPluggedInAndCounted) {
  EXPECT_EQ(QuotaFileMib(), kQuotaMib);
  EXPECT_TRUE(Plugged());
  EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
  EXPECT_EQ(ReasonOf(world_.CreateVolume("acme", "data", 1024 - kQuotaMib + 1).status()),
            Reason::kTenantDiskLimit);
}

TEST_F(QuotaMovesTest, AnImageBecomesAVolumeAndTheDiskSmaller) {
  const auto made = Move();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->volume.state, VolumeState::kReady);
  EXPECT_EQ(made->volume.size_mib, kImageMib);
  EXPECT_EQ(made->volume.image_bytes, kImageBytes);
  EXPECT_EQ(made->volume.cuts, "");
  EXPECT_EQ(host_.records.Volumes().at(made->volume.id), made->volume);
  EXPECT_EQ(QuotaFileMib(), kQuotaMib - kImageMib);
  EXPECT_EQ(host_.storage.Snapshot()["acme"].volumes.count(made->volume.id), 1U);
  EXPECT_TRUE(host_.quota_disks.Snapshot().beside.empty());
  EXPECT_TRUE(Plugged());
  EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
  EXPECT_EQ(world_.directory.GetTenant("acme")->quota_disk_mib, kQuotaMib - kImageMib);
}

// Who moves one image often moves another; only where a disk was out there is a next time.
TEST_F(QuotaMovesTest, HasReadyWhatTheNextMoveNeedsUntilItsTenantGoes) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 16).ok());
  EXPECT_TRUE(host_.quota_disks.kept_ready.empty());
  ASSERT_TRUE(Move().ok());
  EXPECT_EQ(host_.quota_disks.kept_ready.count("acme"), 1U);
  ASSERT_TRUE(world_.tenants.Remove({.name = "acme", .volumes = Volumes::kDelete}).ok());
  EXPECT_TRUE(host_.quota_disks.kept_ready.empty());
}

TEST_F(QuotaMovesTest, TakesWhatWasMadeWhileTheGuestLetGo) {
  host_.quota_disks.extracts_early = true;
  const auto made = Move();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->volume.state, VolumeState::kReady);
  EXPECT_EQ(QuotaFileMib(), kQuotaMib - kImageMib);
  EXPECT_TRUE(host_.quota_disks.Snapshot().beside.empty());
}

TEST_F(QuotaMovesTest, ThrowsAwayWhatWasMadeOfADiskThatWasWrittenTo) {
  host_.quota_disks.extracts_early = true;
  host_.quota_disks.is_written_to = true;
  const absl::Status fault = base::InternalError("what was read was half written");
  host_.quota_disks.FailNext("Extract", fault);
  const auto made = Move();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(QuotaFileMib(), kQuotaMib - kImageMib);
  EXPECT_TRUE(host_.quota_disks.Snapshot().beside.empty());
}

TEST_F(QuotaMovesTest, BelievesAnErrorOfADiskThatNobodyWroteTo) {
  host_.quota_disks.extracts_early = true;
  const HostState before = StateOf(host_);
  const absl::Status fault = base::InternalError("injected");
  host_.quota_disks.FailNext("Extract", fault);
  EXPECT_EQ(Move().status(), fault);
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(QuotaMovesTest, ASecondaryBootsFromItAndTheSpaceComesBackWithItsEnd) {
  ASSERT_TRUE(Move().ok());
  VmSpec spec = WebSpec("db");
  spec.image = "";
  spec.volume = "web";
  ASSERT_TRUE(world_.Create("acme", spec).ok());
  EXPECT_EQ(ReasonOf(world_.volumes.Delete({.tenant = "acme", .volume = "web"}).status()),
            Reason::kVolumeInUse);
  ASSERT_TRUE(world_.Destroy("acme", "db").ok());
  ASSERT_TRUE(world_.volumes.Delete({.tenant = "acme", .volume = "web"}).ok());
  EXPECT_EQ(QuotaFileMib(), kQuotaMib);
  EXPECT_TRUE(Plugged());
  EXPECT_EQ(PrimaryDisks().sizes_bytes[kDisk], kQuotaMib * base::kMebibyte);
  EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
}

TEST_F(QuotaMovesTest, LeavesNothingBehindWhicheverStepFails) {
  const absl::Status fault = base::InternalError("injected");
  const std::vector<std::function<void()>> steps = {
      [&] { host_.records.FailNext("PutVolume", fault); },
      [&] { host_.primary_disks.FailNext("Detach", fault); },
      [&] { host_.quota_disks.FailNext("Extract", fault); },
      [&] { host_.primary_disks.SetGuest(fakes::DiskGuest::kKeeps); },
  };
  const HostState before = StateOf(host_);
  for (const auto& fail : steps) {
    fail();
    EXPECT_FALSE(Move().ok());
    EXPECT_EQ(StateOf(host_), before);
    EXPECT_TRUE(Plugged());
    EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
    EXPECT_TRUE(world_.directory.ListVolumes("acme")->empty());
  }
  host_.primary_disks.SetGuest(fakes::DiskGuest::kLetsGo);
  EXPECT_TRUE(Move().ok());
}

TEST_F(QuotaMovesTest, WhatFailsAfterTheDecisionIsDoneLater) {
  const absl::Status fault = base::InternalError("injected");
  host_.quota_disks.FailNext("Swap", fault);
  EXPECT_FALSE(Move().ok());
  EXPECT_EQ(host_.records.Volumes().begin()->second.state, VolumeState::kMoving);
  EXPECT_EQ(host_.records.Volumes().begin()->second.cuts, "cut");
  EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
  world_.reconciler.RetryLeftovers();
  EXPECT_EQ(world_.directory.GetVolume("acme", "web")->volume.state, VolumeState::kReady);
  EXPECT_EQ(QuotaFileMib(), kQuotaMib - kImageMib);
  EXPECT_TRUE(Plugged());
}

TEST_F(QuotaMovesTest, ADiskThatCouldNotBePluggedInIsLater) {
  host_.primary_disks.FailNext("Attach", base::InternalError("injected"));
  EXPECT_FALSE(Move().ok());
  EXPECT_FALSE(Plugged());
  EXPECT_EQ(world_.directory.GetVolume("acme", "web")->volume.state, VolumeState::kReady);
  world_.reconciler.RetryLeftovers();
  EXPECT_TRUE(Plugged());
}

TEST_F(QuotaMovesTest, ADiskThatTheGuestLetsGoOfTooLateComesBack) {
  host_.primary_disks.SetGuest(fakes::DiskGuest::kKeeps);
  EXPECT_EQ(ReasonOf(Move().status()), Reason::kPrimaryKeepsDisk);
  world_.reconciler.RetryLeftovers();
  EXPECT_TRUE(Plugged());
  host_.primary_disks.SetGuest(fakes::DiskGuest::kLetsGo);
  for (const auto& [uuid, disks] : host_.primary_disks.Snapshot()) {
    ASSERT_TRUE(host_.primary_disks
                    .Detach(uuid, host_.quota_disks.QuotaDiskPath("acme"), std::chrono::seconds(1))
                    .ok());
  }
  EXPECT_FALSE(Plugged());
  world_.reconciler.RetryLeftovers();
  EXPECT_TRUE(Plugged());
}

TEST_F(QuotaMovesTest, ARepeatedRequestMovesNothingTwice) {
  const auto first = Move(kPath, "r1");
  const auto again = Move(kPath, "r1");
  ASSERT_TRUE(first.ok() && again.ok()) << again.status();
  EXPECT_EQ(first->volume, again->volume);
  EXPECT_EQ(ReasonOf(Move("images/other.raw", "r1").status()), Reason::kRequestIdReused);
}

TEST_F(QuotaMovesTest, NamesWhatIsWrong) {
  EXPECT_EQ(ReasonOf(Move("images/none.raw").status()), Reason::kImageNotFound);
  for (const char* path : {"/web.raw", "a//b", "a/../b", ".", "a/", "a/./b"}) {
    EXPECT_EQ(base::GetErrorInfo(Move(path).status()).field, "from_quota_disk") << path;
  }
  EXPECT_EQ(base::GetErrorInfo(
                world_.volumes
                    .Create({.tenant = "acme", .name = "web", .size_mib = 1, .quota_path = kPath})
                    .status())
                .field,
            "from_quota_disk");
  ASSERT_TRUE(world_.CreateVolume("acme", "web", 1).ok());
  EXPECT_EQ(ReasonOf(Move().status()), Reason::kVolumeNameTaken);
  ASSERT_TRUE(world_.AddTenant("globex").ok());
  EXPECT_EQ(
      ReasonOf(
          world_.volumes.Create({.tenant = "globex", .name = "web", .quota_path = kPath}).status()),
      Reason::kNoQuotaDisk);
  const auto large =
      world_.tenants.Create({.name = "initech",
                             .primary = "initech-primary",
                             .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 100},
                             .quota_disk_mib = 101});
  EXPECT_EQ(base::GetErrorInfo(large.status()).field, "quota_disk_mib");
}

TEST_F(QuotaMovesTest, ValidateOnlyMovesNothing) {
  const HostState before = StateOf(host_);
  EXPECT_TRUE(
      world_.volumes
          .Create(
              {.tenant = "acme", .mode = Mode::kValidateOnly, .name = "web", .quota_path = kPath})
          .ok());
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(QuotaMovesTest, GoesWithItsTenantWhenThatIsAskedFor) {
  ASSERT_TRUE(Move().ok());
  EXPECT_EQ(ReasonOf(world_.tenants.Remove({.name = "acme"}).status()), Reason::kTenantHasVolumes);
  ASSERT_TRUE(world_.volumes.Delete({.tenant = "acme", .volume = "web"}).ok());
  EXPECT_EQ(ReasonOf(world_.tenants.Remove({.name = "acme"}).status()), Reason::kTenantHasVolumes);
  const auto removed = world_.tenants.Remove({.name = "acme", .volumes = Volumes::kDelete});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_TRUE(host_.quota_disks.Snapshot().disks.empty());
  EXPECT_TRUE(host_.primary_disks.Snapshot().empty());
}

TEST_F(QuotaMovesTest, AGuestThatKeepsItKeepsItsTenantAsItWas) {
  const HostState before = StateOf(host_);
  host_.primary_disks.SetGuest(fakes::DiskGuest::kKeeps);
  const RemoveTenantOrder order{
      .name = "acme", .volumes = Volumes::kDelete, .restart = PrimaryRestart::kRestart};
  EXPECT_EQ(ReasonOf(world_.tenants.Remove(order).status()), Reason::kPrimaryKeepsDisk);
  EXPECT_EQ(StateOf(host_), before);
  host_.primary_disks.SetGuest(fakes::DiskGuest::kLetsGo);
  EXPECT_TRUE(Move().ok()) << "the tenant is not being removed";
  EXPECT_TRUE(world_.tenants.Remove(order).ok());
}

TEST_F(QuotaMovesTest, APrimaryWithoutAPortHasTheDiskFromItsNextStart) {
  host_.primary_disks.TakeSlots(true);
  host_.hypervisor.StartPrimary("globex-primary");
  const auto made =
      world_.tenants.Create({.name = "globex",
                             .primary = "globex-primary",
                             .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 1024},
                             .quota_disk_mib = 64});
  ASSERT_TRUE(made.ok()) << made.status();
  bool defined = false;
  for (const auto& [uuid, disks] : host_.primary_disks.Snapshot()) {
    if (disks.live.empty() && disks.defined.size() == 1) defined = true;
  }
  EXPECT_TRUE(defined);
}

}  // namespace
}  // namespace flatvm::broker
