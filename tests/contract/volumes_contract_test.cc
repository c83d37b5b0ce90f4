// What every TenantVolumes does: the fake, and the real one. What the files hold is
// tests/unit/storage's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "storage/tenant_volumes.h"
#include "tests/contract/storage_subjects.h"
#include "tests/fakes/fake_storage.h"

namespace flatvm::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kInternal = absl::StatusCode::kInternal;

class VolumesContract : public TenantStorageContract {};

TEST_P(VolumesContract, CreatesListsAndRemovesVolumes) {
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  EXPECT_THAT(*volumes().ListVolumes("acme"), IsEmpty());
  ASSERT_EQ(volumes().CreateVolume("acme", kIdB, 8), absl::OkStatus());
  ASSERT_EQ(volumes().CreateVolume("acme", kIdA, 8), absl::OkStatus());
  EXPECT_THAT(*volumes().ListVolumes("acme"), ElementsAre(kIdA, kIdB));
  EXPECT_THAT(*storage().ListVmFiles("acme"), IsEmpty());
  ASSERT_EQ(volumes().RemoveVolume("acme", kIdA), absl::OkStatus());
  ASSERT_EQ(volumes().RemoveVolume("acme", kIdA), absl::OkStatus());
  EXPECT_THAT(*volumes().ListVolumes("acme"), ElementsAre(kIdB));
  EXPECT_EQ(volumes().CreateVolume("acme", kIdA, 8), absl::OkStatus());
}

TEST_P(VolumesContract, EveryVolumeHasAPathOfItsOwnBeforeItIsMade) {
  std::set<std::string> paths;
  for (const char* tenant : {"acme", "globex"}) {
    for (const char* id : {kIdA, kIdB}) {
      const std::string path = volumes().VolumePath(tenant, id);
      EXPECT_THAT(path, StartsWith("/"));
      EXPECT_THAT(path, HasSubstr(id));
      EXPECT_TRUE(paths.insert(path).second) << path;
    }
  }
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  EXPECT_THAT(*volumes().ListVolumes("acme"), IsEmpty());
}

TEST_P(VolumesContract, AVolumeGrowsAndNeverShrinks) {
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  ASSERT_EQ(volumes().CreateVolume("acme", kIdA, 8), absl::OkStatus());
  EXPECT_EQ(volumes().GrowVolume("acme", kIdA, 8), absl::OkStatus());
  EXPECT_EQ(volumes().GrowVolume("acme", kIdA, 12), absl::OkStatus());
  EXPECT_EQ(volumes().GrowVolume("acme", kIdA, 11).code(), kInternal);
  EXPECT_EQ(volumes().GrowVolume("acme", kIdA, 12), absl::OkStatus());
  EXPECT_EQ(volumes().GrowVolume("acme", kIdB, 12).code(), kInternal);  // is not there
  EXPECT_THAT(*volumes().ListVolumes("acme"), ElementsAre(kIdA));
}

TEST_P(VolumesContract, ACloneIsAtLeastAsLargeAndOutlivesItsSource) {
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  ASSERT_EQ(volumes().CreateVolume("acme", kIdA, 8), absl::OkStatus());
  EXPECT_EQ(volumes().CloneVolume("acme", kIdA, kIdB, 7).code(), kInternal);
  EXPECT_THAT(*volumes().ListVolumes("acme"), ElementsAre(kIdA));
  ASSERT_EQ(volumes().CloneVolume("acme", kIdA, kIdB, 9), absl::OkStatus());
  ASSERT_EQ(volumes().RemoveVolume("acme", kIdA), absl::OkStatus());
  EXPECT_THAT(*volumes().ListVolumes("acme"), ElementsAre(kIdB));
  EXPECT_EQ(volumes().GrowVolume("acme", kIdB, 8).code(), kInternal);  // it has 9
  EXPECT_EQ(volumes().GrowVolume("acme", kIdB, 9), absl::OkStatus());
}

TEST_P(VolumesContract, ARefusedCreateOrCloneLeavesThingsAsTheyWere) {
  EXPECT_EQ(volumes().CreateVolume("acme", kIdA, 8).code(), kInternal);  // no such tenant
  EXPECT_EQ(volumes().CloneVolume("acme", kIdA, kIdB, 8).code(), kInternal);
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  EXPECT_EQ(volumes().CloneVolume("acme", kIdA, kIdB, 8).code(), kInternal);  // nothing to clone
  EXPECT_THAT(*volumes().ListVolumes("acme"), IsEmpty());
  ASSERT_EQ(volumes().CreateVolume("acme", kIdA, 8), absl::OkStatus());
  ASSERT_EQ(volumes().CreateVolume("acme", kIdB, 4), absl::OkStatus());
  EXPECT_EQ(volumes().CreateVolume("acme", kIdA, 2).code(), kInternal);  // there already
  EXPECT_EQ(volumes().CloneVolume("acme", kIdB, kIdA, 9).code(), kInternal);
  EXPECT_EQ(volumes().CloneVolume("acme", kIdA, kIdA, 9).code(), kInternal);
  EXPECT_THAT(*volumes().ListVolumes("acme"), ElementsAre(kIdA, kIdB));
  EXPECT_EQ(volumes().GrowVolume("acme", kIdA, 7).code(), kInternal);  // still the one of 8
  EXPECT_EQ(volumes().GrowVolume("acme", kIdA, 8), absl::OkStatus());
}

TEST_P(VolumesContract, TenantsVolumesAreApart) {
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  ASSERT_EQ(storage().EnsureTenant("globex"), absl::OkStatus());
  ASSERT_EQ(volumes().CreateVolume("acme", kIdA, 8), absl::OkStatus());
  EXPECT_THAT(*volumes().ListVolumes("globex"), IsEmpty());
  EXPECT_EQ(volumes().GrowVolume("globex", kIdA, 9).code(), kInternal);
  EXPECT_EQ(volumes().CloneVolume("globex", kIdA, kIdB, 9).code(), kInternal);
  ASSERT_EQ(volumes().RemoveVolume("globex", kIdA), absl::OkStatus());
  ASSERT_EQ(storage().RemoveTenant("globex"), absl::OkStatus());
  EXPECT_THAT(*volumes().ListVolumes("acme"), ElementsAre(kIdA));
  ASSERT_EQ(storage().RemoveTenant("acme"), absl::OkStatus());
  EXPECT_THAT(*volumes().ListVolumes("acme"), IsEmpty());
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  EXPECT_THAT(*volumes().ListVolumes("acme"), IsEmpty());
}

TEST_P(VolumesContract, RemovalSucceedsWhereNothingEverWas) {
  EXPECT_EQ(volumes().RemoveVolume("acme", kIdA), absl::OkStatus());
  EXPECT_THAT(*volumes().ListVolumes("acme"), IsEmpty());
}

TEST_P(VolumesContract, BugsOfTheCallersAreInternal) {
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  ASSERT_EQ(volumes().CreateVolume("acme", kIdA, 8), absl::OkStatus());
  for (const char* tenant : {"", "..", "a/b", "A", "/etc"}) {
    EXPECT_EQ(volumes().CreateVolume(tenant, kIdA, 8).code(), kInternal);
    EXPECT_EQ(volumes().CloneVolume(tenant, kIdA, kIdB, 8).code(), kInternal);
    EXPECT_EQ(volumes().GrowVolume(tenant, kIdA, 8).code(), kInternal);
    EXPECT_EQ(volumes().RemoveVolume(tenant, kIdA).code(), kInternal);
    EXPECT_EQ(volumes().ListVolumes(tenant).status().code(), kInternal);
    EXPECT_EQ(volumes().VolumePath(tenant, kIdA), "");
  }
  for (const char* id : {"", "..", "data", "0B0E36F2-6D2E-4D5F-9F0C-1A2B3C4D5E6F"}) {
    EXPECT_EQ(volumes().CreateVolume("acme", id, 8).code(), kInternal);
    EXPECT_EQ(volumes().CloneVolume("acme", id, kIdB, 8).code(), kInternal);
    EXPECT_EQ(volumes().CloneVolume("acme", kIdA, id, 8).code(), kInternal);
    EXPECT_EQ(volumes().GrowVolume("acme", id, 8).code(), kInternal);
    EXPECT_EQ(volumes().RemoveVolume("acme", id).code(), kInternal);
    EXPECT_EQ(volumes().VolumePath("acme", id), "");
  }
  EXPECT_THAT(*volumes().ListVolumes("acme"), ElementsAre(kIdA));
}

INSTANTIATE_TEST_SUITE_P(All, VolumesContract, StorageImplementations(),
                         &StorageImplementationName);

TEST(FakeStorage, FailsAVolumesCallOnceAndShowsVolumesInItsSnapshot) {
  fakes::FakeStorage fake;
  ASSERT_TRUE(fake.EnsureTenant("acme").ok());
  ASSERT_TRUE(fake.CreateVolume("acme", kIdA, 8).ok());
  const fakes::FakeStorage::State before = fake.Snapshot();
  for (const char* op :
       {"CreateVolume", "CloneVolume", "GrowVolume", "RemoveVolume", "ListVolumes"}) {
    fake.FailNext(op, absl::UnavailableError("x"));
  }
  EXPECT_FALSE(fake.CreateVolume("acme", kIdB, 8).ok());
  EXPECT_FALSE(fake.CloneVolume("acme", kIdA, kIdB, 8).ok());
  EXPECT_FALSE(fake.GrowVolume("acme", kIdA, 9).ok());
  EXPECT_FALSE(fake.RemoveVolume("acme", kIdA).ok());
  EXPECT_FALSE(fake.ListVolumes("acme").ok());
  EXPECT_EQ(fake.Snapshot(), before);
  ASSERT_TRUE(fake.CloneVolume("acme", kIdA, kIdB, 9).ok());
  EXPECT_THAT(fake.Snapshot(), Not(before));
  EXPECT_EQ(fake.Snapshot().at("acme").volumes.at(kIdB),
            (fakes::FakeVolume{.size_mib = 9, .cloned_of = kIdA}));
}

}  // namespace
}  // namespace flatvm::storage
