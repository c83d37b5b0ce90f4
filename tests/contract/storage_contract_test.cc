// What every TenantStorage does with images and secondaries' files: the fake, and the real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <tuple>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/subprocess.h"
#include "storage/tenant_storage.h"
#include "tests/contract/storage_subjects.h"
#include "tests/fakes/fake_storage.h"

namespace flatvm::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_P(TenantStorageContract, DescribesImages) {
  const CatalogImage tiny = Image("tiny");
  EXPECT_EQ(tiny.name, "tiny");
  EXPECT_EQ(tiny.min_memory_mib, 96U);
  ASSERT_TRUE(tiny.disk.has_value());
  EXPECT_EQ(tiny.disk->size_mib, kDiskMib);
  EXPECT_EQ(tiny.disk->format, base::DiskFormat::kRaw);
  ASSERT_TRUE(tiny.kernel.has_value());
  EXPECT_EQ(tiny.kernel->cmdline, "quiet");
  EXPECT_EQ(tiny.kernel->initrd_path, "");

  const CatalogImage qcow2 = Image("tiny-qcow2");
  EXPECT_FALSE(qcow2.kernel.has_value());
  ASSERT_TRUE(qcow2.disk.has_value());
  EXPECT_EQ(qcow2.disk->size_mib, kDiskMib);
  EXPECT_EQ(qcow2.disk->format, base::DiskFormat::kQcow2);
  EXPECT_FALSE(Image("bare").disk.has_value());
}

TEST_P(TenantStorageContract, ListsImagesThatCanBeUsed) {
  const auto images = storage().ListCatalog();
  ASSERT_TRUE(images.ok()) << images.status();
  std::vector<std::string> names;
  for (const CatalogImage& image : *images) names.push_back(image.name);
  EXPECT_THAT(names, ElementsAre("bare", "tiny", "tiny-qcow2"));
  EXPECT_EQ(images->at(1).disk->size_mib, kDiskMib);
}

TEST_P(TenantStorageContract, SaysWhyAnImageCannotBeHad) {
  const absl::Status unknown = storage().GetImage("nosuch").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(base::GetErrorInfo(unknown).reason, base::Reason::kImageNotFound);
  EXPECT_EQ(base::Message(unknown), "image \"nosuch\" is not in the catalog");
  const absl::Status broken = storage().GetImage("broken").status();
  EXPECT_EQ(broken.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::GetErrorInfo(broken).reason, base::Reason::kImageUnusable);
  EXPECT_EQ(base::Message(broken),
            "image \"broken\": image.json: disk.format: must be \"raw\" or \"qcow2\"");
  EXPECT_EQ(storage().GetImage("../tiny").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(TenantStorageContract, CreatesListsAndRemovesFiles) {
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  EXPECT_THAT(*storage().ListVmFiles("acme"), IsEmpty());
  for (const char* id : {kIdB, kIdA}) {
    const CatalogImage image = Image(id == kIdA ? "tiny" : "tiny-qcow2");
    const absl::StatusOr<VmFiles> files = storage().CreateVmFiles("acme", id, image, 24);
    ASSERT_TRUE(files.ok()) << files.status();
    const VmFiles expected = storage().FilesOf("acme", id, image);
    EXPECT_EQ(files->disk_path, expected.disk_path);
    EXPECT_EQ(files->console_log, expected.console_log);
    EXPECT_THAT(files->disk_path, HasSubstr(id));
    EXPECT_THAT(files->console_log, HasSubstr(id));
  }
  EXPECT_THAT(*storage().ListVmFiles("acme"), ElementsAre(kIdA, kIdB));
  ASSERT_EQ(storage().RemoveVmFiles("acme", kIdA), absl::OkStatus());
  ASSERT_EQ(storage().RemoveVmFiles("acme", kIdA), absl::OkStatus());
  EXPECT_THAT(*storage().ListVmFiles("acme"), ElementsAre(kIdB));
}

TEST_P(TenantStorageContract, AnImageWithoutADiskHasNoDiskFile) {
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  const absl::StatusOr<VmFiles> files = storage().CreateVmFiles("acme", kIdA, Image("bare"), 0);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->disk_path, "");
  EXPECT_NE(files->console_log, "");
  EXPECT_THAT(*storage().ListVmFiles("acme"), ElementsAre(kIdA));
}

TEST_P(TenantStorageContract, TenantsFilesAreApart) {
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  ASSERT_EQ(storage().EnsureTenant("globex"), absl::OkStatus());
  ASSERT_TRUE(storage().CreateVmFiles("acme", kIdA, Image("tiny"), kDiskMib).ok());
  EXPECT_THAT(*storage().ListVmFiles("globex"), IsEmpty());
  ASSERT_EQ(storage().RemoveVmFiles("globex", kIdA), absl::OkStatus());
  ASSERT_EQ(storage().RemoveTenant("globex"), absl::OkStatus());
  EXPECT_THAT(*storage().ListVmFiles("acme"), ElementsAre(kIdA));
}

TEST_P(TenantStorageContract, RemovingATenantRemovesAllOfIt) {
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  ASSERT_TRUE(storage().CreateVmFiles("acme", kIdA, Image("tiny"), kDiskMib).ok());
  ASSERT_EQ(storage().RemoveTenant("acme"), absl::OkStatus());
  EXPECT_THAT(*storage().ListVmFiles("acme"), IsEmpty());
  EXPECT_EQ(storage().RemoveTenant("acme"), absl::OkStatus());
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  EXPECT_THAT(*storage().ListVmFiles("acme"), IsEmpty());
}

TEST_P(TenantStorageContract, RemovalSucceedsWhereNothingEverWas) {
  EXPECT_EQ(storage().RemoveTenant("acme"), absl::OkStatus());
  EXPECT_EQ(storage().RemoveVmFiles("acme", kIdA), absl::OkStatus());
  EXPECT_THAT(*storage().ListVmFiles("acme"), IsEmpty());
}

TEST_P(TenantStorageContract, ARefusedCreateLeavesThingsAsTheyWere) {
  const CatalogImage tiny = Image("tiny");
  EXPECT_EQ(storage().CreateVmFiles("acme", kIdA, tiny, kDiskMib).status().code(),
            absl::StatusCode::kInternal);  // no such tenant
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  EXPECT_EQ(storage().CreateVmFiles("acme", kIdA, tiny, kDiskMib - 1).status().code(),
            absl::StatusCode::kInternal);  // smaller than the image
  EXPECT_THAT(*storage().ListVmFiles("acme"), IsEmpty());
  ASSERT_TRUE(storage().CreateVmFiles("acme", kIdA, tiny, kDiskMib).ok());
  EXPECT_EQ(storage().CreateVmFiles("acme", kIdA, tiny, kDiskMib).status().code(),
            absl::StatusCode::kInternal);  // there already: that one stays
  EXPECT_THAT(*storage().ListVmFiles("acme"), ElementsAre(kIdA));
}

TEST_P(TenantStorageContract, BugsOfTheCallersAreInternal) {
  const CatalogImage tiny = Image("tiny");
  ASSERT_EQ(storage().EnsureTenant("acme"), absl::OkStatus());
  for (const char* tenant : {"", "..", "a/b", "A", "/etc"}) {
    EXPECT_EQ(storage().EnsureTenant(tenant).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(storage().RemoveTenant(tenant).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(storage().ListVmFiles(tenant).status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(storage().RemoveVmFiles(tenant, kIdA).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(storage().FilesOf(tenant, kIdA, tiny).console_log, "");
  }
  for (const char* id : {"", "..", "web", "0B0E36F2-6D2E-4D5F-9F0C-1A2B3C4D5E6F"}) {
    EXPECT_EQ(storage().CreateVmFiles("acme", id, tiny, kDiskMib).status().code(),
              absl::StatusCode::kInternal);
    EXPECT_EQ(storage().RemoveVmFiles("acme", id).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(storage().FilesOf("acme", id, tiny).disk_path, "");
  }
}

INSTANTIATE_TEST_SUITE_P(All, TenantStorageContract, StorageImplementations(),
                         &StorageImplementationName);

TEST(FileStorage, MakesALayerThatQemuImgKnowsByFormatSizeAndBacking) {
  if (const std::string lack = LackQemuImg(); !lack.empty()) {
    GTEST_SKIP() << "this machine lacks " << lack;
  }
  FileSubject subject;
  ASSERT_EQ(subject.storage().EnsureTenant("acme"), absl::OkStatus());
  for (const auto& [id, name, format] :
       {std::tuple{kIdA, "tiny", "raw"}, std::tuple{kIdB, "tiny-qcow2", "qcow2"}}) {
    const CatalogImage image = *subject.storage().GetImage(name);
    const absl::StatusOr<VmFiles> files = subject.storage().CreateVmFiles("acme", id, image, 24);
    ASSERT_TRUE(files.ok()) << files.status();
    const auto info =
        base::RunProgram({kQemuImg, "info", "--output=json", "-f", "qcow2", files->disk_path},
                         std::chrono::seconds(30));
    ASSERT_TRUE(info.ok());
    EXPECT_THAT(info->output, HasSubstr("\"virtual-size\": 25165824"));
    EXPECT_THAT(info->output, HasSubstr("\"backing-filename\": \"" + image.disk->path + "\""));
    EXPECT_THAT(info->output,
                HasSubstr(base::StrCat("\"backing-filename-format\": \"", format, "\"")));
    EXPECT_THAT(info->output, HasSubstr("\"compat\": \"1.1\""));
  }
}

TEST(FakeStorage, FailsTheNextCallOfAMethodOnceAndBeforeAnyEffect) {
  FakeSubject subject;
  auto& fake = dynamic_cast<fakes::FakeStorage&>(subject.storage());
  ASSERT_TRUE(fake.EnsureTenant("acme").ok());
  const fakes::FakeStorage::State before = fake.Snapshot();
  const CatalogImage tiny = *fake.GetImage("tiny");
  fake.FailNext("CreateVmFiles", absl::UnavailableError("x"));
  EXPECT_EQ(fake.CreateVmFiles("acme", kIdA, tiny, 20).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(fake.Snapshot(), before);
  EXPECT_TRUE(fake.CreateVmFiles("acme", kIdA, tiny, 20).ok());
  EXPECT_THAT(fake.Snapshot(), Not(before));
  EXPECT_EQ(fake.Snapshot().at("acme").vms.at(kIdA).disk_mib, 20U);
}

}  // namespace
}  // namespace flatvm::storage
