// A tenant's quota disk in real files, with an image on it, for the tests of QuotaFiles.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "storage/quota_files.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/fake_quota_worker.h"

namespace flatvm::storage {

class QuotaFilesTest : public ::testing::Test {
 protected:
  QuotaFilesTest() { std::filesystem::create_directories(Tenant()); }

  std::string Tenant() const { return root_.path() + "/tenants/acme"; }
  std::string Disk() const { return Tenant() + "/quota.raw"; }
  std::string Image() const { return Tenant() + "/volumes/" + kId + ".raw"; }
  // Everything below the tenant's directory, by relative path.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(Tenant())) {
      if (!entry.is_directory()) names.push_back(std::filesystem::relative(entry.path(), Tenant()));
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  // A disk whose every 4 KiB differ.
  void MakeDisk() {
    ASSERT_TRUE(files_.EnsureQuotaDisk("acme", kDiskMib).ok());
    std::fstream file(Disk(), std::ios::in | std::ios::out | std::ios::binary);
    for (uint64_t at = 0; at < kDiskMib * kMib; at += 4096) {
      const std::string mark = "block " + std::to_string(at) + ".";
      std::string block(4096, static_cast<char>('a' + at / 4096 % 26));
      block.replace(0, mark.size(), mark);
      file.write(block.data(), static_cast<std::streamsize>(block.size()));
    }
    file.flush();
    ASSERT_TRUE(file.good());
    const std::string disk = Read(Disk());
    for (const Extent& extent : worker_.found.extents) {
      image_ += disk.substr(extent.disk_offset, extent.length);
    }
    image_.resize(kImageBytes);
  }
  static ExtractOrder Order() {
    return {
        .tenant = "acme", .volume_id = kId, .path = "images/web.raw", .quota_disk_mib = kDiskMib};
  }
  absl::StatusOr<Extracted> Extract() { return files_.Extract(Order()); }
  void ExpectSwapped() {
    EXPECT_THAT(Names(),
                ::testing::ElementsAre("quota.raw", std::string("volumes/") + kId + ".raw"));
    EXPECT_TRUE(Read(Image()) == image_);
    EXPECT_EQ(Read(Disk()).substr(0, 3), "new");
    EXPECT_EQ(std::filesystem::file_size(Disk()), kNewDiskMib * kMib);
  }

  // The same image, its last part in front of its first.
  static std::vector<Extent> WrappedExtents() {
    return {{.file_offset = 0, .disk_offset = 4 * kMib, .length = 9 * kMib},
            {.file_offset = 9 * kMib, .disk_offset = kMib, .length = kMib},
            {.file_offset = 10 * kMib, .disk_offset = 16 * kMib, .length = 4096}};
  }

  fakes::TempDir root_;
  FakeWorker worker_;
  QuotaFiles files_{root_.path() + "/tenants", worker_};
  std::string image_;
};

}  // namespace flatvm::storage
