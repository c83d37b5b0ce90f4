// The calls for images: an import sent, cut off and gone on with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "guestlib/src/client_impl.h"
#include "tests/unit/guestlib/broker_host.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* kId = "7a2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071";

grpc::Status FailedWith(grpc::StatusCode code, v1::Reason reason) {
  v1::ErrorDetail detail;
  detail.set_reason(reason);
  return Failed(code, detail, "as the test says");
}

// A host that keeps what arrives, in order or not at all.
class ImageTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/flatvm-import-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    content_ = std::string(500'000, 'x') + std::string(700'000, '\0') + "end";
    std::ofstream(directory_ / "web.raw", std::ios::binary) << content_;
    host_.images.begin = [this](const v1::BeginImportRequest& request, auto* response) {
      const std::lock_guard lock(mutex_);
      begun_.push_back(request);
      Fill(response->mutable_image());
      return grpc::Status::OK;
    };
    host_.images.write = [this](const v1::WriteImageRequest& request, auto* response) {
      const std::lock_guard lock(mutex_);
      if (fail_at_ >= 0 && fail_at_-- == 0) return failure_;
      if (request.offset() != received_.size()) {
        return FailedWith(grpc::ABORTED, v1::CHANGE_IN_FLIGHT);
      }
      EXPECT_EQ(request.image_id(), kId);
      received_ += request.data();
      received_.append(request.zeros(), '\0');
      response->set_received_bytes(received_.size());
      if (cut_at_ >= 0 && cut_at_-- == 0) host_.Cut();
      return grpc::Status::OK;
    };
    host_.images.finish = [this](const v1::FinishImportRequest& request, auto* response) {
      const std::lock_guard lock(mutex_);
      if (finish_later_-- > 0) return FailedWith(grpc::ABORTED, v1::CHANGE_IN_FLIGHT);
      EXPECT_EQ(request.image_id(), kId);
      ++finished_;
      state_ = v1::IMAGE_READY;
      Fill(response->mutable_image());
      return grpc::Status::OK;
    };
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Fill(v1::Image* image) {
    image->set_id(kId);
    image->set_name("web");
    image->set_tenant("acme");
    image->set_source(v1::IMAGE_OWN);
    image->set_state(state_);
    image->set_format(v1::IMAGE_RAW);
    image->set_size_bytes(content_.size());
    image->set_received_bytes(received_.size());
    image->set_sha256("feed");
  }
  Result<Image> Import(const CallOptions& call = {}) {
    return client_.ImportImage({.name = "web",
                                .path = directory_ / "web.raw",
                                .format = ImageFormat::kRaw,
                                .progress = [this](const auto& p) { told_.push_back(p); }},
                               call);
  }

  std::filesystem::path directory_;
  std::string content_;
  std::mutex mutex_;  // a stream that was cut may still be read; guards what follows
  std::string received_;
  v1::ImageState state_ = v1::IMAGE_IMPORTING;
  std::vector<v1::BeginImportRequest> begun_;
  std::vector<ImportProgress> told_;
  int fail_at_ = -1;  // the message that gets failure_
  int cut_at_ = -1;   // the message after which all connections are lost
  int finished_ = 0;
  int finish_later_ = 0;  // how often it is still at it
  grpc::Status failure_;
  BrokerHost host_;
  FakeWorld world_;
  Client client_ = ClientImpl::MakeClient(
      {}, world_.Make([this](int) { return ConnectResult(host_.Connect()); }));
};

TEST_F(ImageTest, SendsAllOfAFile) {
  const Result<Image> image = Import();
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_TRUE(received_ == content_);
  EXPECT_EQ(image->id, kId);
  EXPECT_EQ(image->state, ImageState::kReady);
  EXPECT_EQ(image->source, ImageSource::kOwn);
  EXPECT_EQ(image->format, ImageFormat::kRaw);
  EXPECT_EQ(image->size_bytes, content_.size());
  ASSERT_THAT(begun_, SizeIs(1));
  EXPECT_EQ(begun_[0].image(), "web");
  EXPECT_EQ(begun_[0].format(), v1::IMAGE_RAW);
  EXPECT_EQ(begun_[0].size_bytes(), content_.size());
  EXPECT_EQ(begun_[0].sha256().size(), 64U);
  EXPECT_EQ(finished_, 1);
  ASSERT_FALSE(told_.empty());
  EXPECT_EQ(told_.front().stage, ImportStage::kReading);
  EXPECT_EQ(told_.back().stage, ImportStage::kChecking);
  EXPECT_EQ(told_[told_.size() - 2].stage, ImportStage::kSending);
  EXPECT_EQ(told_[told_.size() - 2].done_bytes, content_.size());
}

TEST_F(ImageTest, GoesOnWhereTheHostIs) {
  received_ = content_.substr(0, 123'456);
  ASSERT_TRUE(Import().ok());
  EXPECT_TRUE(received_ == content_);
  for (const ImportProgress& progress : told_) {
    if (progress.stage != ImportStage::kSending) continue;
    EXPECT_EQ(progress.begun_at_bytes, 123'456U);
  }
}

TEST_F(ImageTest, GoesOnAfterALostConnectionAndARestart) {
  cut_at_ = 3;
  ASSERT_TRUE(Import().ok());
  EXPECT_TRUE(received_ == content_);
  EXPECT_GE(begun_.size(), 2U);
  received_.clear();
  state_ = v1::IMAGE_IMPORTING;
  fail_at_ = 2;
  failure_ = FailedWith(grpc::UNAVAILABLE, v1::DAEMON_RESTARTED);
  ASSERT_TRUE(Import().ok());
  EXPECT_TRUE(received_ == content_);
}

TEST_F(ImageTest, BeginsAgainWhereSomebodyElseWasFaster) {
  fail_at_ = 1;
  failure_ = FailedWith(grpc::ABORTED, v1::CHANGE_IN_FLIGHT);
  ASSERT_TRUE(Import().ok());
  EXPECT_TRUE(received_ == content_);
}

TEST_F(ImageTest, WaitsWhileTheHostReads) {
  finish_later_ = 3;
  ASSERT_TRUE(Import().ok());
  EXPECT_EQ(finished_, 1);
  finish_later_ = 1'000;
  state_ = v1::IMAGE_IMPORTING;
  EXPECT_EQ(Import().error().reason, Reason::kChangeInFlight);
}

TEST_F(ImageTest, GivesUpWhereNothingMoves) {
  host_.images.write = [](const auto&, auto*) {
    return FailedWith(grpc::ABORTED, v1::CHANGE_IN_FLIGHT);
  };
  EXPECT_EQ(Import().error().reason, Reason::kChangeInFlight);
  EXPECT_EQ(finished_, 0);
}

TEST_F(ImageTest, EndsWithTheHostsRefusal) {
  fail_at_ = 1;
  failure_ = FailedWith(grpc::FAILED_PRECONDITION, v1::IMAGE_UNUSABLE);
  const Result<Image> image = Import();
  EXPECT_EQ(image.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(image.error().reason, Reason::kImageUnusable);
  EXPECT_EQ(finished_, 0);
}

TEST_F(ImageTest, SendsNothingOfAnImageThatIsThere) {
  state_ = v1::IMAGE_READY;
  received_ = content_;
  ASSERT_TRUE(Import().ok());
  EXPECT_EQ(finished_, 0);
  for (const ImportProgress& progress : told_) EXPECT_EQ(progress.stage, ImportStage::kReading);
}

TEST_F(ImageTest, ValidateOnlyAsksWithoutADigest) {
  ASSERT_TRUE(Import({.validate_only = true}).ok());
  ASSERT_THAT(begun_, SizeIs(1));
  EXPECT_TRUE(begun_[0].validate_only());
  EXPECT_EQ(begun_[0].sha256(), "");
  EXPECT_EQ(received_, "");
  EXPECT_TRUE(told_.empty());
}

TEST_F(ImageTest, AFileThatIsNotThereNeedsNoHost) {
  const Result<Image> image = client_.ImportImage({.name = "web", .path = directory_ / "none"});
  EXPECT_EQ(image.error().code, Code::kNotFound);
  EXPECT_EQ(world_.connects(), 0);
}

TEST_F(ImageTest, RemovesAndLists) {
  std::vector<std::string> removed;
  host_.images.remove = [&](const v1::RemoveImageRequest& request, auto* response) {
    removed.push_back(request.image());
    Fill(response->mutable_image());
    return grpc::Status::OK;
  };
  host_.images.list = [&](const auto&, auto* response) {
    Fill(response->add_images());
    response->add_images()->set_source(v1::IMAGE_CATALOG);
    return grpc::Status::OK;
  };
  EXPECT_EQ(client_.RemoveImage("web")->id, kId);
  EXPECT_THAT(removed, Each("web"));
  const auto listed = client_.ListImages();
  ASSERT_TRUE(listed.ok());
  ASSERT_THAT(*listed, SizeIs(2));
  EXPECT_EQ((*listed)[1].source, ImageSource::kCatalog);
}

}  // namespace
}  // namespace flatvm::guestlib
