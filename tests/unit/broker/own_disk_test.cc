// Secondaries made of an image on the quota disk: create, destroy, and the image's way back.
#include "daemon/broker/own_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tests/unit/broker/quota_fixture.h"

namespace flatvm::broker {
namespace {

using base::Reason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OwnDiskTest : public QuotaTest {
 protected:
  absl::StatusOr<VmRecord> Create(const std::string& request_id = "") {
    return world_.Create("acme", WebOfImage(), request_id);
  }
  void ExpectAsBefore(const HostState& before) {
    EXPECT_EQ(StateOf(host_), before);
    EXPECT_TRUE(Plugged());
    EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
    EXPECT_EQ(world_.Used("acme").vms, 0U);
    EXPECT_TRUE(world_.directory.ListVolumes("acme")->empty());
  }
  const absl::Status fault_ = base::InternalError("injected");
};

TEST_F(OwnDiskTest, ASecondaryBootsFromTheImageAndTheDiskGoesWithIt) {
  const HostState before = StateOf(host_);
  const auto vm = Create();
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(vm->spec.volume, "web");
  EXPECT_EQ(vm->spec.quota_path, kImagePath);
  EXPECT_EQ(vm->state, VmState::kRunning);
  const auto volume = world_.directory.GetVolume("acme", "web");
  ASSERT_TRUE(volume.ok());
  EXPECT_EQ(volume->made_for, "web");
  EXPECT_EQ(volume->attached_to, "web");
  EXPECT_EQ(vm->own_volume, volume->volume.id);
  EXPECT_EQ(QuotaFileMib(), kQuotaMib - kImageMib);
  EXPECT_TRUE(Plugged());
  EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
  const auto domain = host_.hypervisor.Snapshot().domains.at(vm->id);
  EXPECT_THAT(domain.disks, ElementsAre(host_.storage.VolumePath("acme", vm->own_volume)));
  EXPECT_EQ(ReasonOf(world_.volumes.Delete({.tenant = "acme", .volume = "web"}).status()),
            Reason::kVolumeInUse);

  ASSERT_TRUE(world_.Destroy("acme", "web").ok());
  EXPECT_EQ(QuotaFileMib(), kQuotaMib);
  EXPECT_FALSE(HasImage());  // deleted
  EXPECT_TRUE(host_.records.Volumes().empty());
  EXPECT_EQ(world_.Used("acme").disk_mib, kQuotaMib);
  EXPECT_EQ(StateOf(host_).storage, before.storage);
  EXPECT_TRUE(Plugged());
}

TEST_F(OwnDiskTest, LeavesNothingBehindWhicheverStepFails) {
  const std::vector<std::function<void()>> steps = {
      [&] { host_.records.FailNext("PutVm", fault_); },
      [&] { host_.networks.FailNext("AddLease", fault_); },
      [&] { host_.records.FailNext("PutVolume", fault_); },
      [&] { host_.primary_disks.FailNext("Detach", fault_); },
      [&] { host_.quota_disks.FailNext("Extract", fault_); },
      [&] { host_.storage.FailNext("CreateVmFiles", fault_); },
      [&] { host_.hypervisor.FailNext("StartDomain", fault_); },
      [&] { host_.primary_disks.SetGuest(fakes::DiskGuest::kKeeps); },
  };
  const HostState before = StateOf(host_);
  for (size_t i = 0; i < steps.size(); ++i) {
    SCOPED_TRACE(i);
    steps[i]();
    const auto vm = Create();
    EXPECT_FALSE(vm.ok());
    EXPECT_THAT(base::PublicMessage(vm.status()), testing::Not(HasSubstr("volume")));
    ExpectAsBefore(before);
  }
  host_.primary_disks.SetGuest(fakes::DiskGuest::kLetsGo);
  EXPECT_TRUE(Create().ok());
}

TEST_F(OwnDiskTest, KeepsTheImageAsAVolumeAndSaysSoWhereItCannotGoBack) {
  host_.hypervisor.FailNext("StartDomain", fault_);
  host_.quota_disks.FailNext("Insert", fault_);
  const auto vm = Create("r1");
  EXPECT_EQ(vm.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(base::PublicMessage(vm.status()), HasSubstr("it is volume \"web\""));
  const auto kept = world_.directory.GetVolume("acme", "web");
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->volume.state, VolumeState::kReady);
  EXPECT_EQ(kept->attached_to, "");
  EXPECT_EQ(kept->made_for, "");
  EXPECT_TRUE(Plugged());
  EXPECT_EQ(world_.Used("acme").vms, 0U);
  // Another request is told of it, the same one goes on with it.
  EXPECT_EQ(ReasonOf(Create("r2").status()), Reason::kVolumeNameTaken);
  const auto again = Create("r1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->own_volume, kept->volume.id);
  EXPECT_EQ(host_.hypervisor.Snapshot().domains.at(again->id).disks.size(), 1U);
  ASSERT_TRUE(DestroyWithReturn().ok());
  EXPECT_TRUE(HasImage());
}

TEST_F(OwnDiskTest, KeepsWhatWasDecidedAndNotDone) {
  host_.quota_disks.FailNext("Swap", fault_);
  const auto vm = Create("r1");
  EXPECT_THAT(base::PublicMessage(vm.status()), HasSubstr("it is volume \"web\""));
  world_.reconciler.RetryLeftovers();
  EXPECT_EQ(world_.directory.GetVolume("acme", "web")->volume.state, VolumeState::kReady);
  EXPECT_TRUE(Plugged());
  EXPECT_TRUE(Create("r1").ok());
}

TEST_F(OwnDiskTest, ARepeatedRequestMakesNothingTwice) {
  const auto first = Create("r1");
  const auto again = Create("r1");
  ASSERT_TRUE(first.ok() && again.ok()) << again.status();
  EXPECT_EQ(*first, *again);
  EXPECT_EQ(ReasonOf(world_.Create("acme", WebSpec(), "r1").status()), Reason::kRequestIdReused);
}

TEST_F(OwnDiskTest, NamesWhatIsWrong) {
  const auto field = [&](const VmSpec& spec) {
    return base::GetErrorInfo(world_.Create("acme", spec).status()).field;
  };
  VmSpec spec = WebOfImage();
  spec.image = "tiny";
  EXPECT_EQ(field(spec), "spec.from_quota_disk");
  spec = WebOfImage();
  spec.volume = "data";
  EXPECT_EQ(field(spec), "spec.from_quota_disk");
  spec = WebOfImage();
  spec.disk_mib = 20;
  EXPECT_EQ(field(spec), "spec.disk_mib");
  spec = WebOfImage();
  spec.quota_path = "../web.raw";
  EXPECT_EQ(field(spec), "spec.from_quota_disk");
  spec = WebOfImage();
  spec.quota_path = "none.raw";
  EXPECT_EQ(ReasonOf(world_.Create("acme", spec).status()), Reason::kImageNotFound);
  ASSERT_TRUE(world_.CreateVolume("acme", "web", 1).ok());
  EXPECT_EQ(ReasonOf(Create().status()), Reason::kVolumeNameTaken);
  ASSERT_TRUE(world_.AddTenant("globex").ok());
  EXPECT_EQ(ReasonOf(world_.Create("globex", WebOfImage()).status()), Reason::kNoQuotaDisk);
}

TEST_F(OwnDiskTest, ValidateOnlyMovesNothing) {
  const HostState before = StateOf(host_);
  const auto vm =
      world_.vms.Create({.tenant = "acme", .mode = Mode::kValidateOnly, .spec = WebOfImage()});
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(vm->spec.volume, "web");
  ExpectAsBefore(before);
}

TEST_F(OwnDiskTest, AnImageGoesBackWithItsSecondarysEnd) {
  const HostState before = StateOf(host_);
  ASSERT_TRUE(Create().ok());
  const auto gone = DestroyWithReturn("web", "r1");
  ASSERT_TRUE(gone.ok()) << gone.status();
  ExpectAsBefore(before);
  EXPECT_EQ(*DestroyWithReturn("web", "r1"), *gone);
}

TEST_F(OwnDiskTest, ADestroyThatFindsNoPlaceLeavesTheSecondaryRunning) {
  ASSERT_TRUE(Create().ok());
  host_.quota_disks.PutImage("acme", kImagePath, base::kMebibyte);
  const HostState before = StateOf(host_);
  EXPECT_EQ(ReasonOf(DestroyWithReturn().status()), Reason::kQuotaPathUnusable);
  host_.primary_disks.SetGuest(fakes::DiskGuest::kKeeps);
  EXPECT_EQ(ReasonOf(DestroyWithReturn().status()), Reason::kPrimaryKeepsDisk);
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world_.directory.GetVm("acme", "web")->state, VmState::kRunning);
  EXPECT_TRUE(Plugged());
  ASSERT_TRUE(world_.Create("acme", WebSpec("other")).ok());
  EXPECT_EQ(ReasonOf(DestroyWithReturn("other").status()), Reason::kNotFromQuotaDisk);
}

TEST_F(OwnDiskTest, AReturnThatFailsAfterTheStopGoesOnWhenItIsAskedForAgain) {
  ASSERT_TRUE(Create().ok());
  host_.quota_disks.FailNext("Insert", fault_);
  const auto failed = DestroyWithReturn();
  EXPECT_THAT(base::PublicMessage(failed.status()), HasSubstr("its disk is whole"));
  for (int i = 0; i < 2; ++i) {  // and the reconciler keeps its hands off it
    EXPECT_EQ(world_.directory.GetVm("acme", "web")->state, VmState::kDestroying);
    EXPECT_EQ(world_.directory.GetVolume("acme", "web")->volume.state, VolumeState::kReady);
    EXPECT_TRUE(Plugged());
    EXPECT_TRUE(host_.hypervisor.ListDomains()->empty());
    world_.reconciler.RetryLeftovers();
  }
  ASSERT_TRUE(DestroyWithReturn().ok());
  EXPECT_TRUE(HasImage());
  EXPECT_TRUE(host_.records.Vms().empty());
}

TEST_F(OwnDiskTest, AReturnThatFailedMayEndWithADelete) {
  ASSERT_TRUE(Create().ok());
  host_.quota_disks.FailNext("Insert", fault_);
  EXPECT_FALSE(DestroyWithReturn().ok());
  ASSERT_TRUE(world_.Destroy("acme", "web").ok());
  EXPECT_FALSE(HasImage());
  EXPECT_EQ(QuotaFileMib(), kQuotaMib);
  EXPECT_TRUE(host_.records.Volumes().empty());
}

TEST_F(OwnDiskTest, AKillInTheMidstOfACreateLosesNoImage) {
  ASSERT_TRUE(Create("r1").ok());
  VmRecord vm = host_.records.Vms().begin()->second;
  vm.state = VmState::kCreating;
  vm.own_volume = "";  // as it is before the commit
  ASSERT_TRUE(host_.records.PutVm(vm).ok());
  BrokerWorld& world = Restart();
  EXPECT_TRUE(host_.records.Vms().empty());
  EXPECT_EQ(world.directory.GetVolume("acme", "web")->volume.state, VolumeState::kReady);
  EXPECT_EQ(world.directory.GetVolume("acme", "web")->made_for, "");
  // libflatvm repeats its request.
  const auto again = world.Create("acme", WebOfImage(), "r1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(world.directory.GetVolume("acme", "web")->made_for, "web");
}

TEST_F(OwnDiskTest, AKillInTheMidstOfADestroyEndsAsItWasAskedFor) {
  for (const bool returned : {false, true}) {
    ASSERT_TRUE(Restart().Create("acme", WebOfImage()).ok());
    VmRecord vm = host_.records.Vms().begin()->second;
    vm.state = VmState::kDestroying;
    vm.return_disk = returned;
    ASSERT_TRUE(host_.records.PutVm(vm).ok());
    BrokerWorld& world = Restart();
    EXPECT_EQ(host_.records.Vms().size(), returned ? 1U : 0U);
    EXPECT_EQ(host_.records.Volumes().size(), returned ? 1U : 0U);
    EXPECT_TRUE(host_.hypervisor.ListDomains()->empty());
    EXPECT_EQ(world.Used("acme").disk_mib, kQuotaMib);
    if (!returned) {
      host_.quota_disks.PutImage("acme", kImagePath, kImageMib * base::kMebibyte);
      continue;
    }
    ASSERT_TRUE(world.vms.Destroy({.tenant = "acme", .vm = "web", .fate = DiskFate::kReturn}).ok());
    EXPECT_TRUE(HasImage());
  }
}

TEST_F(OwnDiskTest, GoesWithItsTenant) {
  ASSERT_TRUE(Create().ok());
  const auto removed = world_.tenants.Remove(
      {.name = "acme", .secondaries = Secondaries::kDestroy, .volumes = Volumes::kDelete});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_TRUE(host_.quota_disks.Snapshot().disks.empty());
  EXPECT_TRUE(host_.records.Volumes().empty());
}

}  // namespace
}  // namespace flatvm::broker
