#include "storage/return_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "storage/quota_files.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/fake_quota_worker.h"

namespace flatvm::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

constexpr uint32_t kGrownMib = kDiskMib + 2;

class ReturnFilesTest : public ::testing::Test {
 protected:
  ReturnFilesTest() {
    fs::create_directories(Tenant() + "/volumes");
    MakeFiles();
  }

  void MakeFiles() const {
    std::ofstream(Disk(), std::ios::binary) << std::string(kMib, 'd');
    fs::resize_file(Disk(), kDiskMib * kMib);
    // Data, and as much of a hole.
    std::ofstream(Volume(), std::ios::binary) << std::string(kMib, 'v');
    fs::resize_file(Volume(), 2 * kMib);
  }

  std::string Tenant() const { return root_.path() + "/tenants/acme"; }
  std::string Disk() const { return Tenant() + "/quota.raw"; }
  std::string Volume() const { return Tenant() + "/volumes/" + kId + ".raw"; }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(Tenant())) {
      if (!entry.is_directory()) names.push_back(fs::relative(entry.path(), Tenant()));
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  ReturnOrder Order() const {
    return {
        .tenant = "acme", .volume_id = kId, .path = "images/web.raw", .new_disk_mib = kGrownMib};
  }
  void ExpectReturned() {
    EXPECT_THAT(Names(), ElementsAre("quota.raw"));
    const std::string disk = Read(Disk());
    EXPECT_EQ(disk.size(), kGrownMib * kMib);
    EXPECT_EQ(disk.substr(0, 4), "back");
    EXPECT_TRUE(disk.substr(kReturnedAt, kReturnedBytes) == std::string(kReturnedBytes, 'v'));
  }
  void ExpectUnchanged(const std::string& disk) {
    EXPECT_TRUE(Read(Disk()) == disk);
    EXPECT_EQ(fs::file_size(Volume()), 2 * kMib);
  }

  fakes::TempDir root_;
  FakeWorker worker_;
  ReturnFiles returns_{root_.path() + "/tenants", worker_};
  QuotaFiles quota_files_{root_.path() + "/tenants", worker_};
};

TEST_F(ReturnFilesTest, ChecksWithoutAChange) {
  const std::string disk = Read(Disk());
  ASSERT_TRUE(returns_.CheckReturn(Order()).ok());
  EXPECT_EQ(worker_.begun, "acme:images/web.raw");
  EXPECT_EQ(worker_.data_bytes, kMib);
  worker_.check_status = base::MakeError(absl::StatusCode::kFailedPrecondition,
                                         base::Reason::kQuotaPathUnusable, "is taken");
  EXPECT_EQ(base::GetErrorInfo(returns_.CheckReturn(Order())).reason,
            base::Reason::kQuotaPathUnusable);
  EXPECT_FALSE(returns_.Insert(Order()).ok());
  EXPECT_EQ(Names().size(), 2U);
  ExpectUnchanged(disk);
}

TEST_F(ReturnFilesTest, PutsAnImageBackAndTouchesNothingBeforeTheSwap) {
  const std::string disk = Read(Disk());
  const absl::Status inserted = returns_.Insert(Order());
  ASSERT_TRUE(inserted.ok()) << inserted;
  EXPECT_NE(worker_.ways.back(), ImageWay::kLeave);
  ExpectUnchanged(disk);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(returns_.SwapBack("acme", kId, kGrownMib).value(), SwappedBack::kDone);
    ExpectReturned();
  }
}

// At every step.
TEST_F(ReturnFilesTest, IsWholeAgainWhereverItWasCutOff) {
  struct CutOff {};
  size_t passed = 0;
  size_t cut_at = 0;
  ReturnFiles returns(root_.path() + "/tenants", worker_, base::Steps([&](base::Step) {
                        if (passed++ == cut_at) throw CutOff();
                      }));
  const std::string disk = Read(Disk());
  for (bool whole = false; !whole; ++cut_at) {
    SCOPED_TRACE(cut_at);
    MakeFiles();
    bool made = false;
    passed = 0;
    try {
      ASSERT_TRUE(returns.Insert(Order()).ok());
      made = true;
      ASSERT_EQ(returns.SwapBack("acme", kId, kGrownMib).value(), SwappedBack::kDone);
      whole = true;
    } catch (const CutOff&) {
    }
    if (made) {
      EXPECT_EQ(returns_.SwapBack("acme", kId, kGrownMib).value(), SwappedBack::kDone);
      ExpectReturned();
    } else {
      ASSERT_TRUE(quota_files_.Discard("acme", kId).ok());
      EXPECT_EQ(Names().size(), 2U);
      ExpectUnchanged(disk);
    }
  }
  EXPECT_EQ(cut_at, 8U);  // and once through
}

TEST_F(ReturnFilesTest, WhatWasMadeCanBeDiscarded) {
  const std::string disk = Read(Disk());
  ASSERT_TRUE(returns_.Insert(Order()).ok());
  ASSERT_TRUE(quota_files_.Discard("acme", kId).ok());
  EXPECT_THAT(Names(), ElementsAre("quota.raw", std::string("volumes/") + kId + ".raw"));
  ExpectUnchanged(disk);
  // Whoever thinks that it was decided for loses nothing.
  EXPECT_EQ(returns_.SwapBack("acme", kId, kGrownMib).value(), SwappedBack::kNothingMade);
  ExpectUnchanged(disk);
  worker_.take_status = base::MakeError(absl::StatusCode::kFailedPrecondition,
                                        base::Reason::kQuotaDiskFull, "is full");
  EXPECT_EQ(base::GetErrorInfo(returns_.Insert(Order())).reason, base::Reason::kQuotaDiskFull);
  ExpectUnchanged(disk);
}

TEST_F(ReturnFilesTest, NeedsAVolumeAndADiskThatDoesNotShrink) {
  ReturnOrder order = Order();
  order.new_disk_mib = kDiskMib - 1;
  EXPECT_FALSE(returns_.Insert(order).ok());
  order = Order();
  order.volume_id = "../x";
  EXPECT_FALSE(returns_.Insert(order).ok());
  EXPECT_FALSE(returns_.SwapBack("../acme", kId, kGrownMib).ok());
  fs::remove(Volume());
  EXPECT_FALSE(returns_.Insert(Order()).ok());
  EXPECT_THAT(Names(), ElementsAre("quota.raw"));
}

}  // namespace
}  // namespace flatvm::storage
