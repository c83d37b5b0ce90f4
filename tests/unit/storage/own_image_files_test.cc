#include "storage/own_image_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/types.h"
#include "daemon/base/unique_fd.h"
#include "storage/sha256.h"
#include "tests/fakes/fake_import_worker.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kId = "0b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";
constexpr const char* kOtherId = "1b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";

class OwnImageFilesTest : public ::testing::Test {
 protected:
  OwnImageFilesTest() { fs::create_directories(root_.path() + "/tenants/acme"); }

  std::string Path(const std::string& id = kId) const {
    return root_.path() + "/tenants/acme/images/" + id + ".image";
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  static ImageIdentity Identity(uint64_t size_bytes,
                                base::DiskFormat format = base::DiskFormat::kRaw) {
    return {.tenant = "acme", .id = kId, .format = format, .size_bytes = size_bytes};
  }
  // A whole file.
  void Make(const std::string& content) {
    ASSERT_TRUE(files_.EnsureImage("acme", kId).ok());
    ASSERT_TRUE(files_.WriteImage(Identity(content.size()), {.data = content}).ok());
  }
  static base::Reason ReasonOf(const absl::Status& status) {
    return base::GetErrorInfo(status).reason;
  }

  fakes::TempDir root_;
  fakes::FakeImportWorker worker_;
  OwnImageFiles files_{root_.path() + "/tenants", worker_, std::chrono::milliseconds(0)};
};

TEST_F(OwnImageFilesTest, MakesAnEmptyFileThatIsRootsAlone) {
  const auto length = files_.EnsureImage("acme", kId);
  ASSERT_TRUE(length.ok()) << length.status();
  EXPECT_EQ(*length, 0U);
  EXPECT_EQ(files_.ImagePath("acme", kId), Path());
  struct stat info {};
  ASSERT_EQ(::stat(Path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  ASSERT_EQ(::stat((root_.path() + "/tenants/acme/images").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0711U);
  WriteTestFile(Path(), "abc");
  EXPECT_EQ(*files_.EnsureImage("acme", kId), 3U);
  EXPECT_EQ(Read(Path()), "abc");
}

TEST_F(OwnImageFilesTest, WritesThroughOneWorkerAndReplacesOneThatDied) {
  ASSERT_TRUE(files_.EnsureImage("acme", kId).ok());
  worker_.writes_until_it_dies = 1;
  ASSERT_TRUE(files_.WriteImage(Identity(512), {.data = "abc"}).ok());
  ASSERT_TRUE(files_.WriteImage(Identity(512), {.offset = 3, .data = "def"}).ok());
  ASSERT_TRUE(files_.WriteImage(Identity(512), {.offset = 6, .zeros = 506}).ok());
  EXPECT_THAT(worker_.begun, ElementsAre(std::string("acme/") + kId + ":512",
                                         std::string("acme/") + kId + ":512"));
  EXPECT_EQ(Read(Path()), "abcdef" + std::string(506, '\0'));
  worker_.writes_until_it_dies = 0;
  worker_.begin_status = absl::UnavailableError("no service manager");
  EXPECT_TRUE(absl::IsUnavailable(files_.WriteImage(Identity(512), {.data = "abc"})));
}

TEST_F(OwnImageFilesTest, WritesNothingBeyondTheImage) {
  ASSERT_TRUE(files_.EnsureImage("acme", kId).ok());
  EXPECT_EQ(files_.WriteImage(Identity(512), {.offset = 510, .data = "abc"}).code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(files_.WriteImage(Identity(512), {.offset = 1, .zeros = ~uint64_t{0}}).code(),
            absl::StatusCode::kInternal);
  EXPECT_THAT(worker_.begun, IsEmpty());
}

TEST_F(OwnImageFilesTest, SealsWhatIsWholeAndAnImage) {
  Make(std::string(1536, 'x'));
  EXPECT_EQ(*files_.DigestImage(Identity(1536), std::chrono::seconds(9)),
            *Sha256Of(base::UniqueFd(::open(Path().c_str(), O_RDONLY | O_CLOEXEC)).get()));
  const auto disk_mib = files_.SealImage(Identity(1536));
  ASSERT_TRUE(disk_mib.ok()) << disk_mib.status();
  EXPECT_EQ(*disk_mib, 1U);
  EXPECT_EQ(ReasonOf(files_.SealImage(Identity(2048)).status()), base::Reason::kImageUnusable);
}

TEST_F(OwnImageFilesTest, SealsAQcow2WithItsVirtualSize) {
  const std::string image = SmallQcow2(uint64_t{40} << 20U);
  Make(image);
  const auto disk_mib = files_.SealImage(Identity(image.size(), base::DiskFormat::kQcow2));
  ASSERT_TRUE(disk_mib.ok()) << disk_mib.status();
  EXPECT_EQ(*disk_mib, 40U);
}

TEST_F(OwnImageFilesTest, SealsNothingThatSomebodyCanStillWriteTo) {
  Make(std::string(512, 'x'));
  worker_.keeps_file = true;
  ASSERT_TRUE(files_.DigestImage(Identity(512), std::chrono::seconds(9)).ok());
  EXPECT_TRUE(absl::IsUnavailable(files_.SealImage(Identity(512)).status()));
  worker_.kept.Reset();
  EXPECT_TRUE(files_.SealImage(Identity(512)).ok());
}

TEST_F(OwnImageFilesTest, RefusesEveryHostileImageWithItsReason) {
  const std::vector<std::pair<const char*, std::function<void(std::string*)>>> cases = {
      {"must not have a backing file", [](auto* b) { PutBigEndian(b, 8, 8, 1024); }},
      {"must not have an external data file", [](auto* b) { PutBigEndian(b, 72, 8, 4); }},
      {"an incompatible feature that is not known",
       [](auto* b) { PutBigEndian(b, 72, 8, uint64_t{1} << 40U); }},
      {"L1 table whose length", [](auto* b) { PutBigEndian(b, 36, 4, 0x7fffffff); }},
      {"refcount table of an unacceptable length",
       [](auto* b) { PutBigEndian(b, 56, 4, 0x7fffffff); }},
      {"must be qcow2 version 3", [](auto* b) { PutBigEndian(b, 4, 4, 2); }},
      {"must not be encrypted", [](auto* b) { PutBigEndian(b, 32, 4, 1); }},
      {"is not a qcow2 image", [](auto* b) { (*b)[0] = 'K'; }}};
  for (const auto& [reason, spoil] : cases) {
    std::string image = SmallQcow2();
    spoil(&image);
    ASSERT_TRUE(files_.RemoveImage("acme", kId).ok());
    Make(image);
    const ImageIdentity identity = Identity(image.size(), base::DiskFormat::kQcow2);
    for (const absl::Status& status :
         {files_.CheckBeginning(identity), files_.SealImage(identity).status()}) {
      EXPECT_EQ(ReasonOf(status), base::Reason::kImageUnusable) << reason;
      EXPECT_THAT(std::string(status.message()), HasSubstr(reason));
    }
  }
  ASSERT_TRUE(files_.RemoveImage("acme", kId).ok());
  Make(SmallQcow2());
  EXPECT_THAT(std::string(files_.CheckBeginning(Identity(SmallQcow2().size())).message()),
              HasSubstr("say that its format is qcow2"));
}

TEST_F(OwnImageFilesTest, ChecksABeginningByTheSizeThatIsToCome) {
  const std::string image = SmallQcow2();
  Make(image.substr(0, 65536));
  EXPECT_TRUE(files_.CheckBeginning(Identity(image.size(), base::DiskFormat::kQcow2)).ok());
}

TEST_F(OwnImageFilesTest, ListsAndRemoves) {
  EXPECT_THAT(*files_.ListImages("acme"), IsEmpty());
  ASSERT_TRUE(files_.EnsureImage("acme", kOtherId).ok());
  ASSERT_TRUE(files_.EnsureImage("acme", kId).ok());
  WriteTestFile(root_.path() + "/tenants/acme/images/" + kId + ".json", "{}");
  EXPECT_THAT(*files_.ListImages("acme"), ElementsAre(kId, kOtherId));
  ASSERT_TRUE(files_.RemoveImage("acme", kId).ok());
  ASSERT_TRUE(files_.RemoveImage("acme", kId).ok());
  EXPECT_THAT(*files_.ListImages("acme"), ElementsAre(kOtherId));
  EXPECT_TRUE(files_.RemoveImage("globex", kId).ok());
}

TEST_F(OwnImageFilesTest, FollowsNoLinkAndTakesNoSecondOne) {
  ASSERT_TRUE(files_.EnsureImage("acme", kOtherId).ok());
  fs::create_symlink(Path(kOtherId), Path());
  EXPECT_EQ(files_.EnsureImage("acme", kId).status().code(), absl::StatusCode::kInternal);
  fs::remove(Path());
  fs::create_hard_link(Path(kOtherId), Path());
  EXPECT_EQ(files_.EnsureImage("acme", kId).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(files_.CheckBeginning(Identity(512)).code(), absl::StatusCode::kInternal);
}

TEST_F(OwnImageFilesTest, MakesNoPathOfWhatIsNoNameAndNoId) {
  for (const auto& [tenant, id] : {std::pair("..", kId), std::pair("acme", "../../x")}) {
    EXPECT_EQ(files_.ImagePath(tenant, id), "");
    EXPECT_EQ(files_.EnsureImage(tenant, id).status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(files_.RemoveImage(tenant, id).code(), absl::StatusCode::kInternal);
  }
}

}  // namespace
}  // namespace flatvm::storage
