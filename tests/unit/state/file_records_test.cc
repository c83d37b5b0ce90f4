#include "daemon/state/file_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "daemon/state/record_json.h"
#include "daemon/state/volume_json.h"
#include "tests/unit/state/sample_records.h"

namespace flatvm::state {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FileRecordsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/flatvm-records-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
  }

  std::filesystem::path dir_;
};

TEST_F(FileRecordsTest, LoadsWhatWasPut) {
  FileRecords records(dir_);
  ASSERT_TRUE(records.PutTenant(SampleTenant()).ok());
  ASSERT_TRUE(records.PutVm(SampleVm()).ok());
  ASSERT_TRUE(records.PutVolume(SampleVolume()).ok());
  ASSERT_TRUE(records.PutImage(SampleImage()).ok());
  ASSERT_TRUE(records.PutNextCid(1064).ok());

  const auto stored = FileRecords(dir_).Load();
  ASSERT_TRUE(stored.ok()) << stored.status();
  ASSERT_THAT(stored->tenants, SizeIs(1));
  EXPECT_EQ(FormatTenant(stored->tenants[0]), FormatTenant(SampleTenant()));
  ASSERT_THAT(stored->vms, SizeIs(1));
  EXPECT_EQ(stored->vms[0], SampleVm());
  EXPECT_THAT(stored->volumes, ElementsAre(SampleVolume()));
  EXPECT_THAT(stored->images, ElementsAre(SampleImage()));
  EXPECT_EQ(stored->next_cid, 1064U);
}

TEST_F(FileRecordsTest, LoadsATenantOfAFlatvmWithoutVolumes) {
  FileRecords records(dir_);
  ASSERT_TRUE(records.PutTenant(SampleTenant()).ok());
  ASSERT_FALSE(std::filesystem::exists(dir_ / "tenants/acme/volumes"));
  const auto stored = records.Load();
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_THAT(stored->tenants, SizeIs(1));
  EXPECT_THAT(stored->volumes, IsEmpty());
}

TEST_F(FileRecordsTest, PassesOverAnImagesFile) {
  FileRecords records(dir_);
  ASSERT_TRUE(records.PutTenant(SampleTenant()).ok());
  ASSERT_TRUE(records.PutImage(SampleImage()).ok());
  Write("tenants/acme/images/" + SampleImage().id + ".image", "bytes");
  const auto stored = records.Load();
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_THAT(stored->images, ElementsAre(SampleImage()));
}

TEST_F(FileRecordsTest, IsEmptyBeforeTheFirstPut) {
  const auto stored = FileRecords(dir_).Load();
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_THAT(stored->tenants, IsEmpty());
  EXPECT_THAT(stored->vms, IsEmpty());
  EXPECT_THAT(stored->volumes, IsEmpty());
  EXPECT_EQ(stored->next_cid, 0U);
}

TEST_F(FileRecordsTest, ForgetsWhatWasRemovedAndRemovesTwice) {
  FileRecords records(dir_);
  ASSERT_TRUE(records.PutTenant(SampleTenant()).ok());
  ASSERT_TRUE(records.PutVm(SampleVm()).ok());
  ASSERT_TRUE(records.PutVolume(SampleVolume()).ok());
  ASSERT_TRUE(records.PutImage(SampleImage()).ok());
  EXPECT_TRUE(records.RemoveImage("acme", SampleImage().id).ok());
  EXPECT_TRUE(records.RemoveImage("acme", SampleImage().id).ok());
  EXPECT_TRUE(records.RemoveVolume("acme", SampleVolume().id).ok());
  EXPECT_THAT(records.Load()->volumes, IsEmpty());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(records.RemoveVm("acme", SampleVm().id).ok());
    EXPECT_TRUE(records.RemoveVolume("acme", SampleVolume().id).ok());
    EXPECT_TRUE(records.RemoveTenant("acme").ok());
  }
  const auto stored = records.Load();
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_THAT(stored->tenants, IsEmpty());
  EXPECT_THAT(stored->vms, IsEmpty());
  EXPECT_THAT(stored->volumes, IsEmpty());
}

TEST_F(FileRecordsTest, KeepsRecordsFromEverybodyButRoot) {
  FileRecords records(dir_);
  ASSERT_TRUE(records.PutTenant(SampleTenant()).ok());
  struct stat info {};
  ASSERT_EQ(::stat((dir_ / "tenants/acme/tenant.json").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(FileRecordsTest, PassesOverATornWriteAndFilesOfSecondariesAndVolumes) {
  FileRecords records(dir_);
  ASSERT_TRUE(records.PutTenant(SampleTenant()).ok());
  ASSERT_TRUE(records.PutVm(SampleVm()).ok());
  ASSERT_TRUE(records.PutVolume(SampleVolume()).ok());
  Write("tenants/acme/volumes/" + SampleVolume().id + ".json.new", "{");
  Write("tenants/acme/volumes/" + SampleVolume().id + ".raw", "content");
  Write("tenants/acme/volumes/" + SampleVolume().id + ".raw.new", "half");
  Write("tenants/acme/tenant.json.new", "{\"vers");
  Write("tenants/acme/vms/" + SampleVm().id + ".json.new", "{");
  std::filesystem::create_directory(dir_ / "tenants/acme/vms" / SampleVm().id);
  const auto stored = records.Load();
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_THAT(stored->vms, SizeIs(1));
  EXPECT_THAT(stored->volumes, SizeIs(1));
}

TEST_F(FileRecordsTest, NamesTheFileThatIsDamaged) {
  FileRecords records(dir_);
  ASSERT_TRUE(records.PutTenant(SampleTenant()).ok());
  Write("tenants/acme/tenant.json", "{}");
  const auto stored = records.Load();
  ASSERT_FALSE(stored.ok());
  EXPECT_THAT(std::string(stored.status().message()), HasSubstr("tenants/acme/tenant.json"));
}

TEST_F(FileRecordsTest, RefusesARecordInAnotherTenantsPlace) {
  FileRecords records(dir_);
  ASSERT_TRUE(records.PutTenant(SampleTenant()).ok());
  std::filesystem::rename(dir_ / "tenants/acme", dir_ / "tenants/globex");
  EXPECT_FALSE(records.Load().ok());
}

TEST_F(FileRecordsTest, RefusesAVolumesRecordInAnothersPlace) {
  FileRecords records(dir_);
  ASSERT_TRUE(records.PutTenant(SampleTenant()).ok());
  broker::VolumeRecord volume = SampleVolume();
  volume.tenant = "globex";
  std::filesystem::create_directory(dir_ / "tenants/acme/volumes");
  const std::string path = "tenants/acme/volumes/" + volume.id + ".json";
  Write(path, FormatVolume(volume));
  EXPECT_THAT(std::string(records.Load().status().message()), HasSubstr(path));
  Write(path, FormatVolume(SampleVolume()));
  EXPECT_TRUE(records.Load().ok());
  Write("tenants/acme/volumes/cccccccc-cccc-4ddd-8eee-ffffffffffff.json",
        FormatVolume(SampleVolume()));
  EXPECT_FALSE(records.Load().ok());
}

TEST_F(FileRecordsTest, NeverLetsANameBecomeAPath) {
  FileRecords records(dir_);
  broker::TenantRecord tenant = SampleTenant();
  tenant.name = "../acme";
  EXPECT_FALSE(records.PutTenant(tenant).ok());
  broker::VmRecord vm = SampleVm();
  vm.id = "../../tenant";
  EXPECT_FALSE(records.PutVm(vm).ok());
  EXPECT_FALSE(records.RemoveTenant("..").ok());
  EXPECT_FALSE(records.RemoveVm("acme", "x/../y").ok());
  broker::VolumeRecord volume = SampleVolume();
  volume.id = "../../tenant";
  EXPECT_FALSE(records.PutVolume(volume).ok());
  volume = SampleVolume();
  volume.tenant = "../acme";
  EXPECT_FALSE(records.PutVolume(volume).ok());
  EXPECT_FALSE(records.RemoveVolume("acme", "x/../y").ok());
  EXPECT_TRUE(std::filesystem::is_empty(dir_));
}

}  // namespace
}  // namespace flatvm::state
