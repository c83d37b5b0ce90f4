#include "network/kernel_settings.h"

#include <gtest/gtest.h>

#include "daemon/base/durable_file.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::network {
namespace {

class KernelSettingsTest : public ::testing::Test {
 protected:
  void Set(const std::string& text) {
    ASSERT_EQ(base::WriteFileDurably(path_, text), absl::OkStatus());
  }
  std::string Get() { return *base::ReadFile(path_, 100); }

  fakes::TempDir dir_;
  const std::string path_ = dir_.path() + "/ip_forward";
};

TEST_F(KernelSettingsTest, AreWrittenIfTheyAreOthers) {
  Set("0\n");
  EXPECT_EQ(EnsureSetting(path_, "1"), absl::OkStatus());
  EXPECT_EQ(Get(), "1\n");
  EXPECT_EQ(EnsureSetting(path_, "1"), absl::OkStatus());
  EXPECT_EQ(EnsureSetting(path_ + "/none", "1").code(), absl::StatusCode::kInternal);
}

TEST_F(KernelSettingsTest, AreRaisedAndNeverLowered) {
  Set("20480\n");
  EXPECT_EQ(*EnsureAtLeast(path_, 131072), true);
  EXPECT_EQ(Get(), "131072\n");
  EXPECT_EQ(*EnsureAtLeast(path_, 131072), false);
  EXPECT_EQ(*EnsureAtLeast(path_, 1), false);
  EXPECT_EQ(Get(), "131072\n");
  EXPECT_EQ(*EnsureAtLeast(path_ + "-none", 1), false) << "an older kernel, or a namespace";
  Set("many\n");
  EXPECT_EQ(EnsureAtLeast(path_, 1).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::network
