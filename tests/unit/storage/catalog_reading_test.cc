// What CatalogEditor says of images that are there: List and Verify.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "daemon/base/str_cat.h"
#include "storage/catalog_editor.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CatalogReadingTest : public ::testing::Test {
 protected:
  CatalogReadingTest() {
    WriteTestFile(Source("k"), "kernel");
    WriteTestFile(Source("d"), "raw bytes");
    std::filesystem::create_directory(Path(""));
  }
  std::string Source(const std::string& name) const { return root_.path() + "/" + name; }
  std::string Path(const std::string& name) const { return root_.path() + "/catalog/" + name; }

  void Add(const std::string& name) {
    const auto added = editor_.Add(name, {.description = "made",
                                          .disk = NewImageDisk{.path = Source("d")},
                                          .kernel_path = Source("k")});
    ASSERT_TRUE(added.ok()) << added.status();
  }
  void AddByHand(const std::string& name, const std::string& manifest) {
    std::filesystem::create_directory(Path(name));
    WriteTestFile(Path(name + "/image.json"), manifest);
    WriteTestFile(Path(name + "/k"), "kernel");
  }
  // "disk.raw same", a string a file.
  std::vector<std::string> StatesOf(const std::string& name) {
    static constexpr const char* kNames[] = {"same", "differs", "missing", "no-digest", "unusable"};
    std::vector<std::string> states;
    const absl::StatusOr<VerifiedImage> verified = editor_.Verify(name);
    EXPECT_TRUE(verified.ok()) << verified.status();
    if (!verified.ok()) return states;
    EXPECT_EQ(verified->fault, "");
    for (const VerifiedFile& file : verified->files) {
      states.push_back(base::StrCat(file.name, " ", kNames[static_cast<int>(file.state)]));
    }
    return states;
  }

  fakes::TempDir root_;
  const CatalogEditor editor_{root_.path() + "/catalog"};
};

TEST_F(CatalogReadingTest, ListsByNameAndABrokenOneWithItsFault) {
  Add("made");
  AddByHand("hand", R"({"description": "by hand", "kernel": "k", "min_memory": "64MiB"})");
  AddByHand("broken", R"({"kernel": "nosuch"})");
  AddByHand("Upper", R"({"kernel": "k"})");
  std::filesystem::create_directory(Path("lost+found"));
  WriteTestFile(Path("file"), "no directory");
  std::filesystem::create_directory_symlink(Path("made"), Path("link"));
  const auto images = editor_.List();
  ASSERT_TRUE(images.ok()) << images.status();
  ASSERT_EQ(images->size(), 4U);
  EXPECT_EQ((*images)[0].name, "Upper");
  EXPECT_TRUE((*images)[0].fault.starts_with("its name is not")) << (*images)[0].fault;
  EXPECT_EQ((*images)[1].name, "broken");
  EXPECT_EQ((*images)[1].fault, "image.json: kernel: is not there");
  const ListedImage& hand = (*images)[2];
  EXPECT_EQ(hand.name, "hand");
  EXPECT_EQ(hand.fault, "");
  EXPECT_EQ(hand.description, "by hand");
  EXPECT_EQ(hand.kind, ImageKind::kKernel);
  EXPECT_EQ(hand.disk_mib, 0U);
  EXPECT_EQ(hand.min_memory_mib, 64U);
  EXPECT_EQ(hand.digests, Digests::kNone);
  const ListedImage& made = (*images)[3];
  EXPECT_EQ(made.name, "made");
  EXPECT_EQ(made.disk_mib, 1U);
  EXPECT_EQ(made.digests, Digests::kAll);
}

TEST_F(CatalogReadingTest, ListsNothingOfAnEmptyCatalog) {
  EXPECT_THAT(*editor_.List(), IsEmpty());
}

TEST_F(CatalogReadingTest, VerifyFindsWhatWasChanged) {
  Add("made");
  EXPECT_THAT(StatesOf("made"), ElementsAre("disk.raw same", "vmlinuz same"));
  WriteTestFile(Path("made/vmlinuz"), "Kernel");
  EXPECT_THAT(StatesOf("made"), ElementsAre("disk.raw same", "vmlinuz differs"));
  std::filesystem::remove(Path("made/disk.raw"));
  EXPECT_THAT(StatesOf("made"), ElementsAre("disk.raw missing", "vmlinuz differs"));
  std::filesystem::create_symlink(Source("d"), Path("made/disk.raw"));
  EXPECT_THAT(StatesOf("made"), ElementsAre("disk.raw unusable", "vmlinuz differs"));
}

TEST_F(CatalogReadingTest, VerifySaysWhatHasNoDigest) {
  AddByHand("hand", R"({"kernel": "k", "initrd": "i"})");
  EXPECT_THAT(StatesOf("hand"), ElementsAre("k no-digest", "i missing"));
  AddByHand("some", base::StrCat(R"({"kernel": "k", "initrd": "k2", "sha256": {"k": ")",
                                 std::string(64, '0'), "\"}}"));
  WriteTestFile(Path("some/k2"), "initrd");
  EXPECT_THAT(StatesOf("some"), ElementsAre("k differs", "k2 no-digest"));
  EXPECT_EQ(editor_.List()->back().digests, Digests::kSome);
}

TEST_F(CatalogReadingTest, VerifyNamesTheFaultOfAManifest) {
  AddByHand("broken", "{");
  const absl::StatusOr<VerifiedImage> verified = editor_.Verify("broken");
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->fault, "image.json: is not valid JSON (byte 2)");
  EXPECT_THAT(verified->files, IsEmpty());
}

}  // namespace
}  // namespace flatvm::storage
