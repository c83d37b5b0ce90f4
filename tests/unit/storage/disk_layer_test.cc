#include "storage/disk_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::storage {
namespace {

using ::testing::HasSubstr;

// qemu-img is a script here: it notes its arguments, one a line.
class DiskLayerTest : public ::testing::Test {
 protected:
  void Script(const std::string& body) {
    WriteTestFile(program_, "#!/bin/sh\nfor a in \"$@\"; do echo \"$a\"; done > " + arguments_ +
                                "\n" + body + "\n");
    ASSERT_EQ(::chmod(program_.c_str(), 0700), 0);
  }
  std::string Arguments() const {
    std::ifstream in(arguments_);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  fakes::TempDir root_;
  const std::string program_ = root_.path() + "/qemu-img";
  const std::string arguments_ = root_.path() + "/arguments";
  const std::string disk_ = root_.path() + "/disk.qcow2";
};

TEST_F(DiskLayerTest, NamesBothFormatsAndTheSize) {
  Script("exit 0");
  ASSERT_TRUE(MakeDiskLayer(program_, disk_,
                            ImageDisk{.path = "/images/a, b.raw", .format = base::DiskFormat::kRaw},
                            24)
                  .ok());
  EXPECT_EQ(Arguments(),
            "create\n-q\n-u\n-f\nqcow2\n-F\nraw\n-b\n/images/a, b.raw\n" + disk_ + "\n24M\n");
  std::filesystem::remove(disk_);
  ASSERT_TRUE(MakeDiskLayer(program_, disk_,
                            ImageDisk{.path = "/i.qcow2", .format = base::DiskFormat::kQcow2}, 1)
                  .ok());
  EXPECT_THAT(Arguments(), HasSubstr("-F\nqcow2\n-b\n/i.qcow2\n"));
}

TEST_F(DiskLayerTest, MakesTheFileRootsAloneBeforeQemuImgRuns) {
  Script("stat -c %a " + disk_ + " > " + root_.path() + "/mode");
  ASSERT_TRUE(MakeDiskLayer(program_, disk_, ImageDisk{.path = "/i"}, 1).ok());
  std::string mode;
  std::ifstream(root_.path() + "/mode") >> mode;
  EXPECT_EQ(mode, "600");
}

TEST_F(DiskLayerTest, TouchesNoFileThatIsThere) {
  Script("exit 0");
  WriteTestFile(disk_, "precious");
  EXPECT_EQ(MakeDiskLayer(program_, disk_, ImageDisk{.path = "/i"}, 1).code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(Arguments(), "");
}

TEST_F(DiskLayerTest, KeepsQemuImgsTextForTheJournalEscaped) {
  Script("printf 'no space\\033[2J' >&2; exit 3");
  const absl::Status status = MakeDiskLayer(program_, disk_, ImageDisk{.path = "/i"}, 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("ended with 3: no space\\x1b[2J"));
}

TEST_F(DiskLayerTest, IsInternalWithoutQemuImg) {
  EXPECT_EQ(MakeDiskLayer("/nonexistent/qemu-img", disk_, ImageDisk{.path = "/i"}, 1).code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::storage
