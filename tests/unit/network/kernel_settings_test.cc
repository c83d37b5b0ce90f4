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

}  // namespace
}  // namespace flatvm::network
