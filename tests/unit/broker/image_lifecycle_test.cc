#include "daemon/broker/image_lifecycle.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/types.h"
#include "tests/unit/broker/image_fixture.h"

namespace flatvm::broker {
namespace {

using base::Reason;

TEST_F(ImageLifecycleTest, ImportsPieceByPieceAndCountsTheWholeFromTheBeginning) {
  const std::string content = ContentOf(3 * base::kMebibyte + 512);
  const auto begun = Begin("web", content);
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_EQ(begun->image.state, ImageState::kImporting);
  EXPECT_EQ(begun->received_bytes, 0U);
  EXPECT_EQ(world_.Used("acme").disk_mib, 4U);
  EXPECT_EQ(world_.Used("globex").disk_mib, 0U);
  ASSERT_TRUE(Send(*begun, content).ok());
  const auto done = Finish(*begun);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->image.state, ImageState::kReady);
  EXPECT_EQ(done->image.disk_mib, 4U);
  EXPECT_EQ(host_.records.Images().at(done->image.id), done->image);
  EXPECT_EQ(host_.images.Snapshot()["acme"][done->image.id], content);
  EXPECT_EQ(world_.Used("acme").disk_mib, 4U);
  EXPECT_TRUE(Finish(*begun).ok());  // again: no change
}

TEST_F(ImageLifecycleTest, TakesZerosWithoutTheirBytes) {
  const std::string content = std::string(512, 'a') + std::string(base::kMebibyte, '\0');
  const auto begun = Begin("web", content);
  ASSERT_TRUE(Write(*begun, 0, content.substr(0, 512)).ok());
  const auto received = world_.images.Write(
      {.tenant = "acme", .image_id = begun->image.id, .offset = 512, .zeros = base::kMebibyte});
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(*received, content.size());
  EXPECT_TRUE(Finish(*begun).ok());
}

TEST_F(ImageLifecycleTest, GoesOnWhereItWasCutOff) {
  const std::string content = ContentOf(base::kMebibyte);
  const auto first = Begin("web", content);
  ASSERT_TRUE(Write(*first, 0, content.substr(0, 4096)).ok());
  const auto again = Begin("web", content);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->image.id, first->image.id);
  EXPECT_EQ(again->received_bytes, 4096U);
  EXPECT_EQ(world_.Used("acme").disk_mib, 1U);
  ASSERT_TRUE(Send(*again, content, 4096).ok());
  ASSERT_TRUE(Finish(*again).ok());
  EXPECT_EQ(Begin("web", content)->image.state, ImageState::kReady);
}

TEST_F(ImageLifecycleTest, RefusesAnotherImageOfTheSameName) {
  const std::string content = ContentOf(1024);
  const std::string other = ContentOf(2048);
  const auto begun = Begin("web", content);
  const auto refused = Begin("web", other);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kImageExists);
  ASSERT_TRUE(Send(*begun, content).ok());
  ASSERT_TRUE(Finish(*begun).ok());
  EXPECT_EQ(ReasonOf(Begin("web", other).status()), Reason::kImageExists);
  EXPECT_EQ(ReasonOf(Begin("tiny", content).status()), Reason::kImageExists);    // the catalog's
  EXPECT_EQ(ReasonOf(Begin("broken", content).status()), Reason::kImageExists);  // too
}

TEST_F(ImageLifecycleTest, TakesOnlyTheNextBytes) {
  const std::string content = ContentOf(8192);
  const auto begun = Begin("web", content);
  ASSERT_TRUE(Write(*begun, 0, content.substr(0, 4096)).ok());
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{8192}}) {
    const auto wrong = Write(*begun, offset, "x");
    EXPECT_EQ(wrong.status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(ReasonOf(wrong.status()), Reason::kChangeInFlight);
  }
  EXPECT_EQ(base::GetErrorInfo(Write(*begun, 4096, ContentOf(4097)).status()).field, "data");
  EXPECT_EQ(ReasonOf(Finish(*begun).status()), Reason::kImageIncomplete);
  EXPECT_EQ(ReasonOf(Write({.image = {.id = kNoId}}, 0, "x").status()), Reason::kImageNotFound);
}

TEST_F(ImageLifecycleTest, NobodyElseSeesOrTouchesIt) {
  const std::string content = ContentOf(1024);
  const auto begun = Begin("web", content);
  EXPECT_TRUE(world_.directory.ListOwnImages("globex")->empty());
  const auto write = world_.images.Write(
      {.tenant = "globex", .image_id = begun->image.id, .offset = 0, .data = content});
  EXPECT_EQ(ReasonOf(write.status()), Reason::kImageNotFound);
  const auto remove = world_.images.Remove({.tenant = "globex", .image = begun->image.id});
  EXPECT_EQ(ReasonOf(remove.status()), Reason::kImageNotFound);
  EXPECT_EQ(world_.directory.ListImages("globex")->catalog.size(), 2U);  // "broken" is none
}

TEST_F(ImageLifecycleTest, NamesWhatIsWrong) {
  EXPECT_EQ(base::GetErrorInfo(Begin("Web", "x").status()).field, "image");
  EXPECT_EQ(base::GetErrorInfo(Begin("web", "").status()).field, "size_bytes");
  EXPECT_EQ(ReasonOf(Begin("web", ContentOf(511)).status()), Reason::kImageUnusable);
  EXPECT_TRUE(Begin("odd", ContentOf(511), base::DiskFormat::kQcow2).ok());
  const BeginImportOrder order{
      .tenant = "acme", .name = "web", .size_bytes = 512, .sha256 = std::string(64, 'A')};
  EXPECT_EQ(base::GetErrorInfo(world_.images.Begin(order).status()).field, "sha256");
  EXPECT_EQ(
      base::GetErrorInfo(world_.images.Remove({.tenant = "acme", .image = "No!"}).status()).field,
      "image");
  const auto begun = Begin("web", ContentOf(base::kMebibyte));
  EXPECT_EQ(base::GetErrorInfo(Write(*begun, 0, std::string(61'441, 'x')).status()).field, "data");
  EXPECT_EQ(base::GetErrorInfo(Write(*begun, 0, "").status()).field, "data");
}

TEST_F(ImageLifecycleTest, RefusesMoreThanTheLimitsWithTheNumbers) {
  const auto large = world_.images.Begin({.tenant = "acme",
                                          .name = "large",
                                          .size_bytes = 1025 * base::kMebibyte,
                                          .sha256 = std::string(64, '0')});
  EXPECT_EQ(ReasonOf(large.status()), Reason::kTenantDiskLimit);
  EXPECT_EQ(base::GetErrorInfo(large.status()).asked, 1025U);
  for (const char* name : {"a", "b", "c", "d"}) ASSERT_TRUE(Begin(name, ContentOf(512)).ok());
  const auto fifth = Begin("e", ContentOf(512));
  EXPECT_EQ(ReasonOf(fifth.status()), Reason::kTenantImportLimit);
  EXPECT_EQ(base::GetErrorInfo(fifth.status()).used, 4U);
  ASSERT_TRUE(Remove("a").ok());
  EXPECT_TRUE(Begin("e", ContentOf(512)).ok());
}

TEST_F(ImageLifecycleTest, LeavesNothingOfWhatCanBeNoImage) {
  const HostState before = StateOf(host_);
  const std::string hostile = fakes::kHostileContent + ContentOf(2 * base::kMebibyte);
  const auto begun = Begin("web", hostile, base::DiskFormat::kQcow2);
  const auto sent = Send(*begun, hostile);
  EXPECT_EQ(ReasonOf(sent.status()), Reason::kImageUnusable);
  EXPECT_NE(sent.status().message().find("backing file"), std::string::npos);
  EXPECT_EQ(StateOf(host_), before);  // long before all of it had come
  EXPECT_EQ(world_.Used("acme").disk_mib, 0U);
  EXPECT_EQ(ReasonOf(Write(*begun, 0, "x").status()), Reason::kImageNotFound);
}

TEST_F(ImageLifecycleTest, LeavesNothingOfWhatIsNotAsAnnounced) {
  const HostState before = StateOf(host_);
  const auto begun = Begin("web", ContentOf(1024, 'a'));
  ASSERT_TRUE(Send(*begun, ContentOf(1024, 'b')).ok());
  const auto done = Finish(*begun);
  EXPECT_EQ(done.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(done.status()), Reason::kChecksumMismatch);
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world_.Used("acme").disk_mib, 0U);
}

TEST_F(ImageLifecycleTest, AFinishOfALargeImageIsAskedForAgain) {
  const std::string content = ContentOf(1024);
  const auto begun = Begin("web", content);
  ASSERT_TRUE(Send(*begun, content).ok());
  host_.images.FailNext("DigestImage", absl::DeadlineExceededError("it still reads"));
  const auto early = Finish(*begun);
  EXPECT_EQ(early.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(early.status()), Reason::kChangeInFlight);
  EXPECT_TRUE(Finish(*begun).ok());
}

TEST_F(ImageLifecycleTest, ABeginThatFailsLeavesEverythingAsBefore) {
  const HostState before = StateOf(host_);
  const absl::Status fault = base::InternalError("injected");
  const std::vector<std::function<void()>> steps = {
      [&] { host_.records.FailNext("PutImage", fault); },
      [&] { host_.images.FailNext("EnsureImage", fault); },
      [&] { host_.storage.FailNext("GetImage", fault); }};
  for (const auto& fail : steps) {
    fail();
    EXPECT_FALSE(Begin("web", ContentOf(512)).ok());
    EXPECT_EQ(StateOf(host_), before);
    EXPECT_EQ(world_.Used("acme").disk_mib, 0U);
  }
  EXPECT_TRUE(Begin("web", ContentOf(512)).ok());
}

TEST_F(ImageLifecycleTest, WhatFailsOnTheWayCanBeGoneOnWith) {
  const std::string content = ContentOf(base::kMebibyte);
  const absl::Status fault = base::InternalError("injected");
  const auto begun = Begin("web", content);
  host_.images.FailNext("WriteImage", fault);
  EXPECT_FALSE(Write(*begun, 0, content.substr(0, 512)).ok());
  EXPECT_EQ(Begin("web", content)->received_bytes, 0U);
  host_.images.FailNext("CheckBeginning", fault);
  EXPECT_FALSE(Send(*begun, content).ok());
  const auto again = Begin("web", content);
  EXPECT_GT(again->received_bytes, 0U);
  ASSERT_TRUE(Send(*again, content, again->received_bytes).ok());
  for (const char* step : {"DigestImage", "SealImage"}) {
    host_.images.FailNext(step, fault);
    EXPECT_FALSE(Finish(*begun).ok()) << step;
  }
  host_.records.FailNext("PutImage", fault);
  EXPECT_FALSE(Finish(*begun).ok());
  EXPECT_EQ(ReasonOf(Create("vm", "web").status()), Reason::kImageIncomplete);
  EXPECT_TRUE(Finish(*begun).ok());
  EXPECT_EQ(world_.Used("acme").disk_mib, 1U);
}

TEST_F(ImageLifecycleTest, ValidateOnlyChangesNothing) {
  const HostState before = StateOf(host_);
  const auto mode = Mode::kValidateOnly;
  const auto begun =
      world_.images.Begin({.tenant = "acme", .mode = mode, .name = "web", .size_bytes = 512});
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_EQ(begun->image.id, "");
  EXPECT_EQ(StateOf(host_), before);
  ASSERT_TRUE(Import("web", ContentOf(512)).ok());
  EXPECT_EQ(ReasonOf(world_.images
                         .Begin({.tenant = "acme", .mode = mode, .name = "web", .size_bytes = 512})
                         .status()),
            Reason::kImageExists);
  EXPECT_TRUE(world_.images.Remove({.tenant = "acme", .mode = mode, .image = "web"}).ok());
  EXPECT_EQ(world_.directory.ListOwnImages("acme")->size(), 1U);
}

}  // namespace
}  // namespace flatvm::broker
