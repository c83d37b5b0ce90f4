// Own images beneath secondaries' disks, and their end.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "daemon/base/types.h"
#include "daemon/broker/own_image.h"
#include "daemon/broker/reconciler.h"
#include "daemon/broker/vm_plan.h"
#include "tests/unit/broker/image_fixture.h"

namespace flatvm::broker {
namespace {

using base::Reason;

class ImageUseTest : public ImageLifecycleTest {
 protected:
  // flatvmd is killed and starts again.
  BrokerWorld& Restart() {
    next_ = std::make_unique<BrokerWorld>(host_);
    EXPECT_TRUE(next_->reconciler.ReconcileAtStart(*host_.records.Load()).ok());
    return *next_;
  }

  std::unique_ptr<BrokerWorld> next_;
};

TEST_F(ImageUseTest, ASecondaryStandsOnAnOwnImageAsOnOneOfTheCatalog) {
  const auto image = Import("web", ContentOf(2 * base::kMebibyte), base::DiskFormat::kQcow2);
  ASSERT_TRUE(image.ok()) << image.status();
  const auto vm = Create("a", "web");
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(vm->image_id, image->image.id);
  EXPECT_EQ(vm->spec.disk_mib, 8U);
  EXPECT_EQ(world_.Used("acme").disk_mib, 2U + 8U);
  EXPECT_EQ(Create("b", "web", 7).status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(Create("b", "web", 9).ok());
  EXPECT_EQ(Create("c", "tiny")->image_id, "");
}

TEST_F(ImageUseTest, QemuMustBeGivenItsFile) {
  ASSERT_TRUE(Import("web", ContentOf(512)).ok());
  Registry::Access state = world_.registry.Acquire();
  const TenantEntry& tenant = *state->FindTenant("acme");
  const auto own = FindOwnImage(tenant, "web", host_.images);
  ASSERT_TRUE(own.ok() && own->has_value());
  const hypervisor::DomainSpec spec =
      DomainSpecOf({.tenant = "acme"}, (*own)->image, {.disk_path = "/disk", .console_log = "/log"},
                   CarveMode::kReserved, {}, {}, host_.storage);
  EXPECT_EQ(spec.disks.at(0).backing_path, host_.images.ImagePath("acme", (*own)->id));
  EXPECT_TRUE(spec.disks.at(0).backing_is_private);
  EXPECT_FALSE(FindOwnImage(tenant, "tiny", host_.images)->has_value());
}

TEST_F(ImageUseTest, IsNotRemovedWhileADiskStandsOnIt) {
  ASSERT_TRUE(Import("web", ContentOf(512)).ok());
  ASSERT_TRUE(Create("a", "web").ok());
  const HostState before = StateOf(host_);
  const auto refused = Remove("web");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kImageInUse);
  EXPECT_NE(refused.status().message().find("\"a\""), std::string::npos);
  EXPECT_EQ(StateOf(host_), before);
  ASSERT_TRUE(world_.Destroy("acme", "a").ok());
  EXPECT_TRUE(Remove("web").ok());
}

TEST_F(ImageUseTest, RemovesWithEverything) {
  const HostState before = StateOf(host_);
  const auto image = Import("web", ContentOf(512));
  ASSERT_TRUE(Remove("web", "r1").ok());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(Remove("web", "r1")->image.id, image->image.id);  // a repetition
  EXPECT_EQ(ReasonOf(Remove("other", "r1").status()), Reason::kRequestIdReused);
  EXPECT_EQ(ReasonOf(Create("a", "web").status()), Reason::kImageNotFound);
  ASSERT_TRUE(Begin("web", ContentOf(1024)).ok());
  EXPECT_TRUE(Remove("web").ok());  // an import, too
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(ImageUseTest, GoesOnWithARemovalThatFailed) {
  const HostState before = StateOf(host_);
  for (const char* step : {"RemoveImage", "PutImage"}) {
    ASSERT_TRUE(Import("web", ContentOf(512)).ok());
    host_.images.FailNext(step, base::InternalError("injected"));
    host_.records.FailNext(step, base::InternalError("injected"));
    EXPECT_FALSE(Remove("web").ok()) << step;
    EXPECT_EQ(world_.Used("acme").disk_mib, 1U) << step;  // counted until it is gone
    EXPECT_EQ(ReasonOf(Create("a", "web").status()), Reason::kChangeInFlight) << step;
    world_.reconciler.RetryLeftovers();
    world_.reconciler.RetryLeftovers();
    EXPECT_EQ(StateOf(host_), before) << step;
    EXPECT_EQ(world_.Used("acme").disk_mib, 0U) << step;
  }
}

TEST_F(ImageUseTest, FindsImagesAndImportsAgainAfterARestart) {
  const std::string content = ContentOf(base::kMebibyte);
  ASSERT_TRUE(Import("web", content).ok());
  ASSERT_TRUE(Create("a", "web").ok());
  const auto begun = Begin("other", content);
  ASSERT_TRUE(Write(*begun, 0, content.substr(0, 4096)).ok());
  const HostState before = StateOf(host_);
  BrokerWorld& world = Restart();
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world.Used("acme").disk_mib, 3U);
  const auto images = world.directory.ListOwnImages("acme");
  ASSERT_EQ(images->size(), 2U);
  EXPECT_EQ(images->at(0).image.name, "other");
  EXPECT_EQ(images->at(0).received_bytes, 4096U);
  EXPECT_EQ(ReasonOf(world.images.Remove({.tenant = "acme", .image = "web"}).status()),
            Reason::kImageInUse);
}

TEST_F(ImageUseTest, KnowsAfterACrashHowFarTheFileIs) {
  const std::string content = ContentOf(8192);
  const auto begun = Begin("web", content);
  host_.images.Put("acme", begun->image.id, content.substr(0, 5000));
  EXPECT_EQ(Begin("web", content)->received_bytes, 5000U);
  host_.images.Put("acme", begun->image.id, content.substr(0, 6000));
  EXPECT_EQ(Restart().directory.ListOwnImages("acme")->at(0).received_bytes, 6000U);
}

TEST_F(ImageUseTest, ARecordWithoutAFileBeginsAnewAndAFileWithoutARecordGoes) {
  const std::string content = ContentOf(512);
  const auto begun = Begin("web", content);
  ASSERT_TRUE(host_.images.RemoveImage("acme", begun->image.id).ok());
  host_.images.Put("acme", kNoId, "left");
  BrokerWorld& world = Restart();
  EXPECT_EQ(world.directory.ListOwnImages("acme")->at(0).received_bytes, 0U);
  EXPECT_FALSE(host_.images.Snapshot()["acme"].contains(kNoId));
}

TEST_F(ImageUseTest, FinishesAfterARestartWhatWasHalfRemoved) {
  const HostState before = StateOf(host_);
  const auto image = Import("web", ContentOf(512));
  ImageRecord record = image->image;
  record.state = ImageState::kDeleting;
  ASSERT_TRUE(host_.records.PutImage(record).ok());
  EXPECT_EQ(Restart().Used("acme").disk_mib, 0U);
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(ImageUseTest, DropsAnImportThatNobodyGoesOnWith) {
  const HostState before = StateOf(host_);
  const auto begun = Begin("web", ContentOf(1024));
  ASSERT_TRUE(Import("ready", ContentOf(512)).ok());
  host_.clock.Advance(std::chrono::hours(23));
  ASSERT_TRUE(Write(*begun, 0, ContentOf(512)).ok());
  host_.clock.Advance(std::chrono::hours(23));
  world_.reconciler.RetryLeftovers();
  EXPECT_EQ(world_.directory.ListOwnImages("acme")->size(), 2U);
  host_.clock.Advance(std::chrono::hours(2));
  world_.reconciler.RetryLeftovers();
  EXPECT_EQ(world_.directory.ListOwnImages("acme")->size(), 1U);  // an image never expires
  ASSERT_TRUE(Remove("ready").ok());
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(ImageUseTest, ATenantWithImagesIsRemovedOnlyWithThem) {
  ASSERT_TRUE(Import("web", ContentOf(512)).ok());
  ASSERT_TRUE(Create("a", "web").ok());
  ASSERT_TRUE(Begin("other", ContentOf(512)).ok());
  RemoveTenantOrder order{.name = "acme", .secondaries = Secondaries::kDestroy};
  EXPECT_EQ(ReasonOf(world_.tenants.Remove(order).status()), Reason::kTenantHasVolumes);
  order.volumes = Volumes::kDelete;
  const auto removed = world_.tenants.Remove(order);
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->deleted_images, 2U);
  EXPECT_TRUE(host_.records.Images().empty());
  EXPECT_TRUE(host_.images.Snapshot().empty());
}

}  // namespace
}  // namespace flatvm::broker
