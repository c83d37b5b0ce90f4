// What every TenantImages does: the fake, and the real one with a worker in this process. What
// headers say is tests/unit/storage's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/types.h"
#include "storage/own_image_files.h"
#include "tests/fakes/fake_images.h"
#include "tests/fakes/fake_import_worker.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

constexpr const char* kIdA = "0b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";
constexpr const char* kIdB = "1b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";
constexpr std::chrono::seconds kPatience{30};

class Subject {
 public:
  virtual ~Subject() = default;
  virtual TenantImages& images() = 0;
};

class FakeSubject final : public Subject {
 public:
  TenantImages& images() override { return images_; }

 private:
  fakes::FakeImages images_;
};

class FileSubject final : public Subject {
 public:
  FileSubject() { std::filesystem::create_directories(root_.path() + "/tenants/acme"); }
  TenantImages& images() override { return images_; }

 private:
  fakes::TempDir root_;
  fakes::FakeImportWorker worker_;
  OwnImageFiles images_{root_.path() + "/tenants", worker_};
};

using MakeSubject = std::unique_ptr<Subject> (*)();
template <typename T>
std::unique_ptr<Subject> Make() {
  return std::make_unique<T>();
}

class ImagesContract : public ::testing::TestWithParam<MakeSubject> {
 protected:
  TenantImages& images() { return subject_->images(); }
  static ImageIdentity Identity(uint64_t size_bytes, const std::string& id = kIdA) {
    return {.tenant = "acme", .id = id, .size_bytes = size_bytes};
  }

 private:
  const std::unique_ptr<Subject> subject_ = GetParam()();
};

TEST_P(ImagesContract, MakesListsAndRemovesImages) {
  EXPECT_THAT(*images().ListImages("acme"), IsEmpty());
  EXPECT_EQ(*images().EnsureImage("acme", kIdB), 0U);
  EXPECT_EQ(*images().EnsureImage("acme", kIdA), 0U);
  EXPECT_EQ(*images().EnsureImage("acme", kIdA), 0U);
  EXPECT_THAT(*images().ListImages("acme"), ElementsAre(kIdA, kIdB));
  ASSERT_EQ(images().RemoveImage("acme", kIdA), absl::OkStatus());
  ASSERT_EQ(images().RemoveImage("acme", kIdA), absl::OkStatus());
  EXPECT_THAT(*images().ListImages("acme"), ElementsAre(kIdB));
}

TEST_P(ImagesContract, EveryImageHasAPathOfItsOwnBeforeItIsMade) {
  std::set<std::string> paths;
  for (const char* tenant : {"acme", "globex"}) {
    for (const char* id : {kIdA, kIdB}) {
      const std::string path = images().ImagePath(tenant, id);
      EXPECT_THAT(path, StartsWith("/"));
      EXPECT_THAT(path, HasSubstr(id));
      EXPECT_TRUE(paths.insert(path).second) << path;
    }
  }
  EXPECT_THAT(*images().ListImages("acme"), IsEmpty());
}

TEST_P(ImagesContract, GrowsByPiecesAndIsSealedWhenItIsWhole) {
  const ImageIdentity image = Identity(2 * base::kMebibyte);
  const std::string data(60'000, 'x');
  EXPECT_EQ(images().WriteImage(image, {.data = data}).code(), absl::StatusCode::kInternal);
  ASSERT_TRUE(images().EnsureImage("acme", kIdA).ok());
  ASSERT_EQ(images().WriteImage(image, {.data = data}), absl::OkStatus());
  EXPECT_EQ(*images().EnsureImage("acme", kIdA), 60'000U);
  const uint64_t rest = image.size_bytes - 60'000;
  ASSERT_EQ(images().WriteImage(image, {.offset = 60'000, .zeros = rest}), absl::OkStatus());
  EXPECT_EQ(*images().EnsureImage("acme", kIdA), image.size_bytes);
  EXPECT_EQ(images().CheckBeginning(image), absl::OkStatus());
  const auto digest = images().DigestImage(image, kPatience);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_THAT(*digest, MatchesRegex("[0-9a-f]+"));
  EXPECT_EQ(digest->size(), 64U);
  const auto disk_mib = images().SealImage(image);
  ASSERT_TRUE(disk_mib.ok()) << disk_mib.status();
  EXPECT_EQ(*disk_mib, 2U);
}

TEST_P(ImagesContract, TheDigestTellsContentsApart) {
  std::set<std::string> digests;
  for (const auto& [id, content] : {std::pair(kIdA, "abc"), std::pair(kIdB, "abd")}) {
    ASSERT_TRUE(images().EnsureImage("acme", id).ok());
    ASSERT_EQ(images().WriteImage(Identity(3, id), {.data = content}), absl::OkStatus());
    const auto digest = images().DigestImage(Identity(3, id), kPatience);
    ASSERT_TRUE(digest.ok());
    EXPECT_TRUE(digests.insert(*digest).second);
  }
}

TEST_P(ImagesContract, TakesNothingBeyondTheImage) {
  ASSERT_TRUE(images().EnsureImage("acme", kIdA).ok());
  EXPECT_EQ(images().WriteImage(Identity(512), {.offset = 0, .zeros = 513}).code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(*images().EnsureImage("acme", kIdA), 0U);
}

INSTANTIATE_TEST_SUITE_P(On, ImagesContract,
                         ::testing::Values(&Make<FakeSubject>, &Make<FileSubject>),
                         [](const auto& tested) {
                           return tested.index == 0 ? std::string("Fake") : std::string("Files");
                         });

}  // namespace
}  // namespace flatvm::storage
