#include "daemon/broker/volume_lifecycle.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/broker/volume_fixture.h"

namespace flatvm::broker {
namespace {

using base::Reason;

TEST_F(VolumeLifecycleTest, MakesAVolumeThatCountsAgainstTheDiskLimit) {
  const auto made = world_.CreateVolume("acme", "data", 300);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->volume.state, VolumeState::kReady);
  EXPECT_EQ(made->volume.size_mib, 300U);
  EXPECT_EQ(made->attached_to, "");
  EXPECT_EQ(world_.Used("acme").disk_mib, 300U);
  EXPECT_EQ(world_.Used("globex").disk_mib, 0U);
  EXPECT_EQ(host_.records.Volumes().at(made->volume.id), made->volume);
  const auto volumes = world_.directory.ListVolumes("acme");
  ASSERT_TRUE(volumes.ok());
  EXPECT_EQ(volumes->size(), 1U);
  EXPECT_EQ(ReasonOf(world_.directory.GetVolume("globex", "data").status()),
            Reason::kVolumeNotFound);
}

TEST_F(VolumeLifecycleTest, RefusesMoreThanTheLimitWithTheNumbers) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 1000).ok());
  const auto more = world_.CreateVolume("acme", "more", 25);
  const base::ErrorInfo info = base::GetErrorInfo(more.status());
  EXPECT_EQ(info.reason, Reason::kTenantDiskLimit);
  EXPECT_EQ(info.asked, 25U);
  EXPECT_EQ(info.used, 1000U);
  EXPECT_EQ(info.left, 24U);
  EXPECT_TRUE(world_.CreateVolume("acme", "more", 24).ok());
  EXPECT_EQ(ReasonOf(world_.Create("acme", WebSpec()).status()), Reason::kTenantDiskLimit);
}

TEST_F(VolumeLifecycleTest, NeverOversubscribesWithManyCallers) {
  std::atomic<int> made = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&, i] {
      for (int n = 0; n < 20; ++n) {
        const std::string name = "v" + std::to_string(i) + "-" + std::to_string(n);
        if (world_.CreateVolume("acme", name, 100).ok()) ++made;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(made, 10);
  EXPECT_EQ(world_.Used("acme").disk_mib, 1000U);
}

TEST_F(VolumeLifecycleTest, LeavesNothingBehindWhicheverStepFails) {
  ASSERT_TRUE(world_.CreateVolume("acme", "source", 10).ok());
  const absl::Status fault = base::InternalError("injected");
  const std::vector<std::pair<std::string, std::function<void()>>> steps = {
      {"", [&] { host_.records.FailNext("PutVolume", fault); }},
      {"", [&] { host_.storage.FailNext("CreateVolume", fault); }},
      {"source", [&] { host_.storage.FailNext("CloneVolume", fault); }},
  };
  const HostState before = StateOf(host_);
  for (const auto& [source, fail] : steps) {
    fail();
    EXPECT_FALSE(world_.CreateVolume("acme", "data", 50, source).ok());
    EXPECT_EQ(StateOf(host_), before);
    EXPECT_EQ(world_.Used("acme").disk_mib, 10U);
  }
  EXPECT_TRUE(world_.CreateVolume("acme", "data", 50, "source").ok());
}

TEST_F(VolumeLifecycleTest, NamesWhatIsWrong) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  EXPECT_EQ(ReasonOf(world_.CreateVolume("acme", "data", 10).status()), Reason::kVolumeNameTaken);
  EXPECT_EQ(base::GetErrorInfo(world_.CreateVolume("acme", "Data", 10).status()).field, "name");
  EXPECT_EQ(base::GetErrorInfo(world_.CreateVolume("acme", "x", 0).status()).field, "size_mib");
  EXPECT_EQ(base::GetErrorInfo(world_.CreateVolume("acme", "x", 67'108'865).status()).field,
            "size_mib");
  EXPECT_EQ(ReasonOf(world_.CreateVolume("acme", "x", 0, "none").status()),
            Reason::kVolumeNotFound);
  EXPECT_EQ(base::GetErrorInfo(world_.CreateVolume("acme", "x", 9, "data").status()).field,
            "size_mib");
  EXPECT_EQ(ReasonOf(Delete("none").status()), Reason::kVolumeNotFound);
  EXPECT_EQ(base::GetErrorInfo(Delete("No!").status()).field, "volume");
}

TEST_F(VolumeLifecycleTest, AnswersARepeatedCreateLikeTheFirst) {
  const auto first = world_.CreateVolume("acme", "data", 10, "", "r1");
  const auto again = world_.CreateVolume("acme", "data", 10, "", "r1");
  ASSERT_TRUE(first.ok() && again.ok()) << again.status();
  EXPECT_EQ(first->volume, again->volume);
  EXPECT_EQ(ReasonOf(world_.CreateVolume("acme", "data", 11, "", "r1").status()),
            Reason::kRequestIdReused);
}

TEST_F(VolumeLifecycleTest, ClonesWhatNoVmHas) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  const auto copy = world_.CreateVolume("acme", "copy", 0, "data");
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(copy->volume.size_mib, 10U);
  EXPECT_EQ(world_.CreateVolume("acme", "larger", 20, "data")->volume.size_mib, 20U);
  ASSERT_TRUE(world_.Attach("acme", "data").ok());
  EXPECT_EQ(ReasonOf(world_.CreateVolume("acme", "torn", 0, "data").status()),
            Reason::kVolumeInUse);
}

TEST_F(VolumeLifecycleTest, PlugsItIntoThePrimaryAndOutAgain) {
  const auto made = world_.CreateVolume("acme", "data", 10);
  const HostState before = StateOf(host_);
  const auto attached = world_.Attach("acme", "data");
  ASSERT_TRUE(attached.ok()) << attached.status();
  EXPECT_EQ(attached->attached_to, "primary");
  EXPECT_EQ(Live(), std::vector<std::string>{host_.storage.VolumePath("acme", made->volume.id)});
  EXPECT_TRUE(host_.records.Volumes().at(made->volume.id).on_primary);
  EXPECT_TRUE(world_.Attach("acme", "data").ok());  // again: no change
  EXPECT_EQ(Live().size(), 1U);
  EXPECT_EQ(ReasonOf(Delete("data").status()), Reason::kVolumeInUse);
  ASSERT_TRUE(world_.Detach("acme", "data").ok());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_TRUE(world_.Detach("acme", "data").ok());  // again: no change
}

TEST_F(VolumeLifecycleTest, KeepsAVolumeAttachedThatTheGuestKeeps) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  ASSERT_TRUE(world_.Attach("acme", "data").ok());
  const HostState before = StateOf(host_);
  host_.primary_disks.SetGuest(fakes::DiskGuest::kKeeps);
  EXPECT_EQ(ReasonOf(world_.Detach("acme", "data").status()), Reason::kPrimaryKeepsDisk);
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world_.directory.GetVolume("acme", "data")->attached_to, "primary");
  host_.primary_disks.SetGuest(fakes::DiskGuest::kLetsGo);
  EXPECT_TRUE(world_.Detach("acme", "data").ok());
}

TEST_F(VolumeLifecycleTest, TakesAFailedAttachBack) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  const HostState before = StateOf(host_);
  host_.primary_disks.FailNext("Attach", base::InternalError("injected"));
  EXPECT_FALSE(world_.Attach("acme", "data").ok());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_TRUE(world_.Attach("acme", "data").ok());
}

TEST_F(VolumeLifecycleTest, GrowsAndNeverShrinks) {
  const auto made = world_.CreateVolume("acme", "data", 10);
  ASSERT_TRUE(world_.Attach("acme", "data").ok());
  ASSERT_TRUE(Resize("data", 100).ok());
  EXPECT_EQ(world_.Used("acme").disk_mib, 100U);
  EXPECT_EQ(host_.records.Volumes().at(made->volume.id).size_mib, 100U);
  EXPECT_TRUE(Resize("data", 100).ok());
  EXPECT_EQ(base::GetErrorInfo(Resize("data", 99).status()).field, "size_mib");
  EXPECT_EQ(ReasonOf(Resize("data", 1025).status()), Reason::kTenantDiskLimit);
}

TEST_F(VolumeLifecycleTest, TakesAFailedResizeBack) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  const HostState before = StateOf(host_);
  for (const char* step : {"PutVolume", "GrowVolume"}) {
    host_.records.FailNext(step, base::InternalError("injected"));
    host_.storage.FailNext(step, base::InternalError("injected"));
    EXPECT_FALSE(Resize("data", 100).ok()) << step;
    EXPECT_EQ(StateOf(host_), before) << step;
    EXPECT_EQ(world_.Used("acme").disk_mib, 10U) << step;
  }
}

TEST_F(VolumeLifecycleTest, GivesASecondaryItsVolumes) {
  const auto boot = world_.CreateVolume("acme", "boot", 10);
  const auto data = world_.CreateVolume("acme", "data", 20);
  VmSpec spec = WithVolume("boot");
  spec.data_volumes = {data->volume.id};
  const auto vm = world_.Create("acme", spec);
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(vm->spec.volume, "boot");
  EXPECT_EQ(vm->spec.data_volumes, std::vector<std::string>{"data"});
  EXPECT_EQ(vm->spec.disk_mib, 0U);
  EXPECT_EQ(world_.Used("acme").disk_mib, 30U);
  EXPECT_EQ(world_.directory.GetVolume("acme", "boot")->attached_to, "db");
  for (const absl::Status& refused :
       {world_.Attach("acme", "data").status(), world_.Detach("acme", "data").status(),
        Delete("data").status(), Resize("data", 30).status(),
        world_.CreateVolume("acme", "copy", 0, "data").status(),
        world_.Create("acme", {.name = "other", .memory_mib = 64, .vcpus = 1, .volume = "boot"})
            .status()}) {
    EXPECT_EQ(ReasonOf(refused), Reason::kVolumeInUse) << refused;
  }
  ASSERT_TRUE(world_.Destroy("acme", "db").ok());
  EXPECT_EQ(world_.directory.GetVolume("acme", "boot")->attached_to, "");
  EXPECT_TRUE(Delete("boot").ok());
  EXPECT_TRUE(Delete("data").ok());
}

TEST_F(VolumeLifecycleTest, RefusesASpecWhoseDisksMakeNoSense) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  VmSpec twice = WebSpec();
  twice.data_volumes = {"data", "data"};
  VmSpec both = WebSpec();
  both.volume = "data";
  VmSpec sized = WithVolume("data");
  sized.disk_mib = 10;
  VmSpec many = WebSpec();
  many.data_volumes.assign(9, "data");
  for (const auto& [spec, field] : {std::pair<VmSpec, std::string>{twice, "spec.data_volumes"},
                                    {both, "spec.volume"},
                                    {sized, "spec.disk_mib"},
                                    {many, "spec.data_volumes"}}) {
    const auto vm = world_.Create("acme", spec);
    EXPECT_EQ(vm.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(base::GetErrorInfo(vm.status()).field, field);
  }
  EXPECT_EQ(ReasonOf(world_.Create("acme", WithVolume("none")).status()), Reason::kVolumeNotFound);
}

TEST_F(VolumeLifecycleTest, DeletesWithEverything) {
  const HostState before = StateOf(host_);
  const auto made = world_.CreateVolume("acme", "data", 10);
  ASSERT_TRUE(Delete("data", "r1").ok());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(Delete("data", "r1")->volume.id, made->volume.id);  // a repetition
  EXPECT_EQ(ReasonOf(Delete("other", "r1").status()), Reason::kRequestIdReused);
}

TEST_F(VolumeLifecycleTest, GoesOnWithADeleteThatFailed) {
  const HostState before = StateOf(host_);
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  host_.storage.FailNext("RemoveVolume", base::InternalError("injected"));
  EXPECT_FALSE(Delete("data").ok());
  EXPECT_EQ(world_.Used("acme").disk_mib, 10U);  // counted until it is gone
  EXPECT_EQ(ReasonOf(world_.Attach("acme", "data").status()), Reason::kChangeInFlight);
  world_.reconciler.RetryLeftovers();
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world_.Used("acme").disk_mib, 0U);
}

TEST_F(VolumeLifecycleTest, ValidateOnlyChangesNothing) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  const HostState before = StateOf(host_);
  const auto mode = Mode::kValidateOnly;
  EXPECT_TRUE(
      world_.volumes.Create({.tenant = "acme", .mode = mode, .name = "x", .size_mib = 5}).ok());
  EXPECT_TRUE(world_.volumes.Attach({.tenant = "acme", .mode = mode, .volume = "data"}).ok());
  EXPECT_TRUE(
      world_.volumes.Resize({.tenant = "acme", .mode = mode, .volume = "data", .size_mib = 20})
          .ok());
  EXPECT_TRUE(world_.volumes.Delete({.tenant = "acme", .mode = mode, .volume = "data"}).ok());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world_.Used("acme").disk_mib, 10U);
}

TEST_F(VolumeLifecycleTest, ATenantWithVolumesIsRemovedOnlyWithThem) {
  ASSERT_TRUE(world_.CreateVolume("acme", "data", 10).ok());
  ASSERT_TRUE(world_.CreateVolume("acme", "boot", 10).ok());
  ASSERT_TRUE(world_.Attach("acme", "data").ok());
  ASSERT_TRUE(world_.Create("acme", WithVolume("boot")).ok());
  const HostState before = StateOf(host_);
  RemoveTenantOrder order{.name = "acme", .secondaries = Secondaries::kDestroy};
  EXPECT_EQ(ReasonOf(world_.tenants.Remove(order).status()), Reason::kTenantHasVolumes);
  order.volumes = Volumes::kDelete;
  host_.primary_disks.SetGuest(fakes::DiskGuest::kKeeps);
  EXPECT_EQ(ReasonOf(world_.tenants.Remove(order).status()), Reason::kPrimaryKeepsDisk);
  EXPECT_EQ(StateOf(host_), before);  // nothing is gone yet
  host_.primary_disks.SetGuest(fakes::DiskGuest::kLetsGo);
  const auto removed = world_.tenants.Remove(order);
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->deleted_volumes, 2U);
  EXPECT_TRUE(host_.records.Volumes().empty());
  EXPECT_TRUE(Live().empty());
}

}  // namespace
}  // namespace flatvm::broker
