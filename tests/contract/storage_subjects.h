// What the storage contract runs on: one catalog, as the fake has it and as the real one finds it
// on a directory with qemu-img.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>
#include <string>

#include "daemon/base/str_cat.h"
#include "daemon/base/subprocess.h"
#include "storage/file_storage.h"
#include "storage/tenant_storage.h"
#include "storage/tenant_volumes.h"
#include "storage/volume_files.h"
#include "tests/fakes/fake_storage.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::storage {

inline constexpr const char* kQemuImg = "/usr/bin/qemu-img";
inline constexpr const char* kIdA = "0b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";
inline constexpr const char* kIdB = "1b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";
inline constexpr uint32_t kDiskMib = 16;  // of "tiny" and "tiny-qcow2"

// One implementation, whose catalog holds "tiny" (kernel, raw disk), "tiny-qcow2" (disk), "bare"
// (kernel), "broken".
class Subject {
 public:
  virtual ~Subject() = default;
  virtual TenantStorage& storage() = 0;
  virtual TenantVolumes& volumes() = 0;
};

class FakeSubject final : public Subject {
 public:
  FakeSubject() {
    const ImageKernel kernel{.kernel_path = "/catalog/k", .cmdline = "quiet"};
    const ImageDisk raw{
        .path = "/catalog/d.raw", .format = base::DiskFormat::kRaw, .size_mib = kDiskMib};
    const ImageDisk qcow2{
        .path = "/catalog/d.qcow2", .format = base::DiskFormat::kQcow2, .size_mib = kDiskMib};
    storage_.AddImage(
        CatalogImage{.name = "tiny", .min_memory_mib = 96, .disk = raw, .kernel = kernel});
    storage_.AddImage(CatalogImage{.name = "tiny-qcow2", .disk = qcow2});
    storage_.AddImage(CatalogImage{.name = "bare", .kernel = kernel});
    storage_.AddUnusableImage("broken", "disk.format: must be \"raw\" or \"qcow2\"");
  }
  TenantStorage& storage() override { return storage_; }
  TenantVolumes& volumes() override { return storage_; }

 private:
  fakes::FakeStorage storage_;
};

class FileSubject final : public Subject {
 public:
  FileSubject() {
    Image("tiny", R"({"kernel": "k", "cmdline": "quiet", "min_memory": "96MiB",
                      "disk": {"file": "d.raw", "format": "raw"}})");
    Image("tiny-qcow2", R"({"disk": {"file": "d.qcow2", "format": "qcow2"}})");
    Image("bare", R"({"kernel": "k", "cmdline": "quiet"})");
    Image("broken", R"({"disk": {"file": "d.vdi", "format": "vdi"}})");
    std::ofstream(root_.path() + "/catalog/tiny/d.raw") << "x";
    std::filesystem::resize_file(root_.path() + "/catalog/tiny/d.raw", kDiskMib * base::kMebibyte);
    const auto made = base::RunProgram(
        {kQemuImg, "create", "-q", "-f", "qcow2", root_.path() + "/catalog/tiny-qcow2/d.qcow2",
         base::StrCat(kDiskMib, "M")},
        std::chrono::seconds(30));
    EXPECT_TRUE(made.ok() && made->exit_code == 0);
  }
  TenantStorage& storage() override { return storage_; }
  TenantVolumes& volumes() override { return volumes_; }

 private:
  void Image(const std::string& name, const std::string& manifest) {
    const std::string directory = root_.path() + "/catalog/" + name;
    std::filesystem::create_directories(directory);
    std::ofstream(directory + "/image.json") << manifest;
    std::ofstream(directory + "/k") << "kernel";
  }

  fakes::TempDir root_;
  FileStorage storage_{{.state_dir = root_.path(),
                        .catalog_dir = root_.path() + "/catalog",
                        .qemu_img_program = kQemuImg}};
  VolumeFiles volumes_{root_.path() + "/tenants"};
};

struct Implementation {
  const char* name;
  std::unique_ptr<Subject> (*make)();
  std::string (*find_lack)();  // what the machine lacks for it; empty: nothing
};

inline void PrintTo(const Implementation& implementation, std::ostream* out) {
  *out << implementation.name;
}

inline std::string LackNothing() { return ""; }
inline std::string LackQemuImg() { return ::access(kQemuImg, X_OK) == 0 ? "" : kQemuImg; }

template <typename T>
std::unique_ptr<Subject> Make() {
  return std::make_unique<T>();
}

class TenantStorageContract : public ::testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override {
    if (const std::string lack = GetParam().find_lack(); !lack.empty()) {
      GTEST_SKIP() << "this machine lacks " << lack;
    }
    subject_ = GetParam().make();
  }

  TenantStorage& storage() { return subject_->storage(); }
  TenantVolumes& volumes() { return subject_->volumes(); }
  CatalogImage Image(const std::string& name) {
    const absl::StatusOr<CatalogImage> image = storage().GetImage(name);
    EXPECT_TRUE(image.ok()) << image.status();
    return image.value_or(CatalogImage{});
  }

 private:
  std::unique_ptr<Subject> subject_;
};

inline auto StorageImplementations() {
  return ::testing::Values(Implementation{"Fake", &Make<FakeSubject>, &LackNothing},
                           Implementation{"OnFiles", &Make<FileSubject>, &LackQemuImg});
}
inline std::string StorageImplementationName(
    const ::testing::TestParamInfo<Implementation>& tested) {
  return tested.param.name;
}

}  // namespace flatvm::storage
