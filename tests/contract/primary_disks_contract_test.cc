// What every PrimaryDisks does: the fake, and the real one on QEMU (libvirt's in-memory test driver
// cannot plug anything in). What only a real host has is in
// tests/integration/libvirt_primary_disks_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "tests/contract/primary_disks_subject.h"
#include "tests/fakes/fake_hypervisor.h"
#include "tests/fakes/fake_primary_disks.h"

namespace flatvm::hypervisor {
namespace {

using base::Reason;
using fakes::DiskGuest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::milliseconds kTimeout{300};  // for a guest that keeps the disk
constexpr std::chrono::seconds kPatience{20};       // for one that does not

struct Implementation {
  const char* name;
  std::unique_ptr<PrimaryDisksSubject> (*make)();
};

class PrimaryDisksContract : public ::testing::TestWithParam<Implementation> {
 protected:
  static void TearDownTestSuite() { EndQemuPrimaryDisks(); }

  void SetUp() override {
    if (!subject_->Lack().empty()) GTEST_SKIP() << subject_->Lack();
    a_ = PrimaryDisk{.path = subject_->MakeFile("a.raw"), .serial = "vol-a"};
    b_ = PrimaryDisk{.path = subject_->MakeFile("b.raw"), .serial = "vol-b"};
  }

  static void ExpectError(const absl::Status& status, absl::StatusCode code, Reason reason) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(base::GetErrorInfo(status).reason, reason) << status;
  }
  static void ExpectOk(const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; }

  std::string DefineAndStart(DiskGuest guest = DiskGuest::kLetsGo) {
    std::string uuid = subject_->Define(guest);
    subject_->Start();
    return uuid;
  }
  std::vector<std::string> Live(const std::string& uuid) {
    const auto paths = disks().ListLive(uuid);
    EXPECT_TRUE(paths.ok()) << paths.status();
    return paths.value_or(std::vector<std::string>());
  }

  PrimaryDisks& disks() { return subject_->disks(); }

  const std::unique_ptr<PrimaryDisksSubject> subject_ = GetParam().make();
  PrimaryDisk a_;
  PrimaryDisk b_;
};

TEST_P(PrimaryDisksContract, KnowsWhoIsNoPrimary) {
  for (const char* nobody : {"", "6b1c8f4e-7a31-4d1e-9c55-2f0e6d7a8b90", "a/b\n"}) {
    for (const absl::Status& status :
         {disks().Attach(nobody, a_), disks().AnnounceSize(nobody, a_.path, kDiskBytes),
          disks().ListLive(nobody).status()}) {
      ExpectError(status, absl::StatusCode::kNotFound, Reason::kPrimaryNotDefined);
    }
    ExpectOk(disks().Detach(nobody, a_.path, kPatience));
  }
  const std::string secondary = subject_->StartSecondary();
  for (const absl::Status& status :
       {disks().Attach(secondary, a_), disks().Detach(secondary, a_.path, kPatience),
        disks().AnnounceSize(secondary, a_.path, kDiskBytes),
        disks().ListLive(secondary).status()}) {
    ExpectError(status, absl::StatusCode::kFailedPrecondition, Reason::kPrimaryNotDefined);
  }
}

TEST_P(PrimaryDisksContract, PlugsIntoWhatRunsAndIntoItsDefinition) {
  const std::string uuid = DefineAndStart();
  EXPECT_THAT(Live(uuid), IsEmpty());
  for (const char* time : {"once", "twice"}) {
    ExpectOk(disks().Attach(uuid, a_));
    EXPECT_THAT(Live(uuid), ElementsAre(a_.path)) << time;
    EXPECT_THAT(subject_->Defined(uuid), ElementsAre(a_.path)) << time;
  }
  ExpectOk(disks().Attach(uuid, b_));
  EXPECT_THAT(Live(uuid), UnorderedElementsAre(a_.path, b_.path));
  EXPECT_THAT(subject_->Defined(uuid), UnorderedElementsAre(a_.path, b_.path));

  subject_->Stop();
  EXPECT_THAT(Live(uuid), IsEmpty());
  subject_->Start();
  EXPECT_THAT(Live(uuid), UnorderedElementsAre(a_.path, b_.path));
}

TEST_P(PrimaryDisksContract, PutsADiskIntoTheDefinitionOfAPrimaryThatIsOff) {
  const std::string uuid = subject_->Define(DiskGuest::kKeeps);
  ExpectOk(disks().Attach(uuid, a_));
  ExpectOk(disks().Attach(uuid, b_));
  EXPECT_THAT(Live(uuid), IsEmpty());
  EXPECT_THAT(subject_->Defined(uuid), UnorderedElementsAre(a_.path, b_.path));
  ExpectOk(disks().AnnounceSize(uuid, a_.path, 2 * kDiskBytes));
  ExpectOk(disks().Detach(uuid, a_.path, kPatience));
  EXPECT_THAT(subject_->Defined(uuid), ElementsAre(b_.path));
  subject_->Start();
  EXPECT_THAT(Live(uuid), ElementsAre(b_.path));
}

TEST_P(PrimaryDisksContract, PlugsIntoAPrimaryThatHasNoDefinition) {
  const std::string uuid = subject_->StartTransient();
  ExpectOk(disks().Attach(uuid, a_));
  EXPECT_THAT(Live(uuid), ElementsAre(a_.path));
  ExpectOk(disks().Detach(uuid, a_.path, kPatience));
  EXPECT_THAT(Live(uuid), IsEmpty());
}

TEST_P(PrimaryDisksContract, TakesADiskOutOfBoth) {
  const std::string uuid = DefineAndStart();
  ExpectOk(disks().Attach(uuid, a_));
  ExpectOk(disks().Attach(uuid, b_));
  for (const char* time : {"once", "twice"}) {
    ExpectOk(disks().Detach(uuid, a_.path, kPatience));
    EXPECT_THAT(Live(uuid), ElementsAre(b_.path)) << time;
    EXPECT_THAT(subject_->Defined(uuid), ElementsAre(b_.path)) << time;
  }
  ExpectOk(disks().Attach(uuid, a_));
  EXPECT_THAT(Live(uuid), UnorderedElementsAre(a_.path, b_.path)) << "its place is free again";
}

TEST_P(PrimaryDisksContract, LeavesADiskThatTheGuestKeepsWhereItIs) {
  const std::string uuid = DefineAndStart(DiskGuest::kKeeps);
  ExpectOk(disks().Attach(uuid, a_));
  for (const char* time : {"once", "twice"}) {
    const absl::Status status = disks().Detach(uuid, a_.path, kTimeout);
    ExpectError(status, absl::StatusCode::kFailedPrecondition, Reason::kPrimaryKeepsDisk);
    EXPECT_THAT(base::PublicMessage(status), HasSubstr("within 300 ms"));
    EXPECT_THAT(Live(uuid), ElementsAre(a_.path)) << time;
    EXPECT_THAT(subject_->Defined(uuid), ElementsAre(a_.path)) << time;
  }
  ExpectOk(disks().Detach(uuid, b_.path, kPatience));
  subject_->Stop();
  ExpectOk(disks().Detach(uuid, a_.path, kPatience));
  EXPECT_THAT(subject_->Defined(uuid), IsEmpty());
}

TEST_P(PrimaryDisksContract, HasNothingToTakeFromAPrimaryThatIsNoLongerDefined) {
  const std::string uuid = subject_->Define(DiskGuest::kLetsGo);
  ExpectOk(disks().Attach(uuid, a_));
  subject_->Undefine();
  ExpectOk(disks().Detach(uuid, a_.path, kPatience));
  ExpectError(disks().Attach(uuid, a_), absl::StatusCode::kNotFound, Reason::kPrimaryNotDefined);
}

TEST_P(PrimaryDisksContract, AnnouncesASize) {
  const std::string uuid = DefineAndStart();
  ExpectOk(disks().AnnounceSize(uuid, a_.path, 2 * kDiskBytes));
  ExpectOk(disks().Attach(uuid, a_));
  EXPECT_EQ(subject_->LiveBytes(uuid, a_.path), kDiskBytes);
  for (const uint64_t bytes : {2 * kDiskBytes, 2 * kDiskBytes, 3 * kDiskBytes + 512}) {
    if (std::filesystem::exists(a_.path)) std::filesystem::resize_file(a_.path, bytes);
    ExpectOk(disks().AnnounceSize(uuid, a_.path, bytes));
    EXPECT_EQ(subject_->LiveBytes(uuid, a_.path), bytes);
  }
  for (const uint64_t bytes : {uint64_t{0}, 4 * kDiskBytes + 1}) {
    ExpectError(disks().AnnounceSize(uuid, a_.path, bytes), absl::StatusCode::kInternal,
                Reason::kInternalError);
  }
}

TEST_P(PrimaryDisksContract, RefusesWhatIsNoVolume) {
  const std::string uuid = DefineAndStart();
  for (const PrimaryDisk& disk : {PrimaryDisk{.path = "a.raw", .serial = "vol-a"},
                                  PrimaryDisk{.path = a_.path, .serial = "Vol"},
                                  PrimaryDisk{.path = a_.path, .serial = ""}}) {
    ExpectError(disks().Attach(uuid, disk), absl::StatusCode::kInternal, Reason::kInternalError);
  }
  EXPECT_THAT(Live(uuid), IsEmpty());
  EXPECT_THAT(subject_->Defined(uuid), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, PrimaryDisksContract,
                         ::testing::Values(Implementation{"Fake", MakeFakePrimaryDisksSubject},
                                           Implementation{"EmbeddedQemu",
                                                          MakeQemuPrimaryDisksSubject}),
                         [](const auto& tested) { return std::string(tested.param.name); });

// What tests of the broker count on, beyond the port.
TEST(FakePrimaryDisks, ShowsLeftoversAndNothingElse) {
  fakes::FakeHypervisor hypervisor;
  fakes::FakePrimaryDisks disks(hypervisor);
  const std::string uuid = hypervisor.DefinePrimary("acme-primary", 512, 2);
  hypervisor.StartPrimary("acme-primary");
  const auto before = hypervisor.Snapshot();
  EXPECT_THAT(disks.Snapshot(), IsEmpty());

  const PrimaryDisk disk{.path = "/volumes/a", .serial = "vol-a"};
  disks.FailNext("Attach", absl::InternalError("no"));
  EXPECT_FALSE(disks.Attach(uuid, disk).ok());
  EXPECT_TRUE(hypervisor.Snapshot() == before);

  ASSERT_TRUE(disks.Attach(uuid, disk).ok());
  EXPECT_FALSE(hypervisor.Snapshot() == before);
  EXPECT_THAT(disks.Snapshot()[uuid].live, ElementsAre(disk));
  EXPECT_THAT(disks.Snapshot()[uuid].defined, ElementsAre(disk));
  ASSERT_TRUE(disks.AnnounceSize(uuid, disk.path, kDiskBytes).ok());
  ASSERT_TRUE(disks.Detach(uuid, disk.path, kTimeout).ok());
  EXPECT_THAT(disks.Snapshot(), IsEmpty());
  EXPECT_TRUE(hypervisor.Snapshot() == before);
}

TEST(FakePrimaryDisks, HasGuestsThatKeepADiskUntilTheyDoNot) {
  fakes::FakeHypervisor hypervisor;
  fakes::FakePrimaryDisks disks(hypervisor);
  const std::string uuid = hypervisor.DefinePrimary("acme-primary", 512, 2);
  hypervisor.StartPrimary("acme-primary");
  ASSERT_TRUE(disks.Attach(uuid, PrimaryDisk{.path = "/volumes/a", .serial = "vol-a"}).ok());
  disks.SetGuest(DiskGuest::kKeeps);
  EXPECT_FALSE(disks.Detach(uuid, "/volumes/a", kTimeout).ok());
  disks.SetGuest(DiskGuest::kLetsGo);
  EXPECT_TRUE(disks.Detach(uuid, "/volumes/a", kTimeout).ok());
  EXPECT_THAT(disks.Snapshot(), IsEmpty());
}

}  // namespace
}  // namespace flatvm::hypervisor
