#include "network/kernel_settings.h"

#include <gtest/gtest.h>

#include "daemon/base/durable_file.h"
#include "tests/fakes/fake_log.h"
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
  const std::string path_ = dir_.path() + "/max_user_instances";
  fakes::FakeLog log_;
};

TEST_F(KernelSettingsTest, AreWrittenIfTheyAreOthers) {
  Set("0\n");
  EXPECT_EQ(EnsureSetting(path_, "1"), absl::OkStatus());
  EXPECT_EQ(Get(), "1\n");
  EXPECT_EQ(EnsureSetting(path_, "1"), absl::OkStatus());
  EXPECT_EQ(EnsureSetting(path_ + "/none", "1").code(), absl::StatusCode::kInternal);
}

TEST_F(KernelSettingsTest, AreRaisedAndNeverLowered) {
  Set("128\n");
  EXPECT_EQ(EnsureAtLeast(path_, 200).value_or(0), 128);
  EXPECT_EQ(Get(), "200\n");
  EXPECT_EQ(EnsureAtLeast(path_, 150).value_or(0), 200);
  EXPECT_EQ(Get(), "200\n");
}

TEST_F(KernelSettingsTest, ThatAreNoNumberAreLeftAlone) {
  EXPECT_FALSE(EnsureAtLeast(path_, 1).ok()) << "there is none";
  for (const char* text : {"", "many\n", "1 2\n"}) {
    Set(text);
    EXPECT_EQ(EnsureAtLeast(path_, 1).status().code(), absl::StatusCode::kInternal) << text;
    EXPECT_EQ(Get(), text);
  }
}

TEST_F(KernelSettingsTest, OfInotifyGetRoomForEachTenantsServerAndSaySo) {
  Set("128\n");
  EnsureInotifyInstances(path_, log_);
  EXPECT_EQ(Get(), "8192\n");
  ASSERT_EQ(log_.Lines().size(), 1U);
  EXPECT_TRUE(log_.Has("raised fs.inotify.max_user_instances from 128 to 8192"));
  EnsureInotifyInstances(path_, log_);
  Set("1000000\n");
  EnsureInotifyInstances(path_, log_);
  EXPECT_EQ(Get(), "1000000\n");
  EXPECT_EQ(log_.Lines().size(), 1U) << "nothing to do, and nothing to say";
  EnsureInotifyInstances(path_ + ".none", log_);
  EXPECT_TRUE(log_.Has("fs.inotify.max_user_instances cannot be raised"));
}

}  // namespace
}  // namespace flatvm::network
