// What tests of own images begin with: two tenants on a broker of fakes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "daemon/base/error.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {

inline base::Reason ReasonOf(const absl::Status& status) {
  return base::GetErrorInfo(status).reason;
}

inline constexpr const char* kNoId = "0c1f6c1e-8f0f-4b58-9d57-6a1f1e5d9b11";

class ImageLifecycleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.AddTenant("acme").ok());
    ASSERT_TRUE(world_.AddTenant("globex").ok());
  }

  // Not all the same, so that pieces in another order are other content.
  static std::string ContentOf(size_t bytes, char first = 'a') {
    std::string content(bytes, first);
    for (size_t i = 0; i < bytes; i += 100) content[i] = static_cast<char>('0' + i / 100 % 10);
    return content;
  }

  absl::StatusOr<ImageView> Begin(const std::string& name, const std::string& content,
                                  base::DiskFormat format = base::DiskFormat::kRaw) {
    return world_.images.Begin({.tenant = "acme",
                                .name = name,
                                .format = format,
                                .size_bytes = content.size(),
                                .sha256 = fakes::FakeDigestOf(content)});
  }
  absl::StatusOr<uint64_t> Write(const ImageView& view, uint64_t offset, const std::string& data) {
    return world_.images.Write(
        {.tenant = "acme", .image_id = view.image.id, .offset = offset, .data = data});
  }
  // All of `content` from `offset` on; ends with the first failure.
  absl::StatusOr<uint64_t> Send(const ImageView& view, const std::string& content,
                                uint64_t offset = 0) {
    constexpr size_t kPart = 60'000;
    absl::StatusOr<uint64_t> received = offset;
    while (received.ok() && *received < content.size()) {
      received = Write(view, *received, content.substr(*received, kPart));
    }
    return received;
  }
  absl::StatusOr<ImageView> Finish(const ImageView& view) {
    return world_.images.Finish({.tenant = "acme", .image_id = view.image.id});
  }
  absl::StatusOr<ImageView> Import(const std::string& name, const std::string& content,
                                   base::DiskFormat format = base::DiskFormat::kRaw) {
    const auto begun = Begin(name, content, format);
    if (!begun.ok()) return begun;
    const auto sent = Send(*begun, content);
    if (!sent.ok()) return sent.status();
    return Finish(*begun);
  }
  absl::StatusOr<ImageView> Remove(const std::string& image, const std::string& request_id = "") {
    return world_.images.Remove({.tenant = "acme", .request_id = request_id, .image = image});
  }
  absl::StatusOr<VmRecord> Create(const std::string& name, const std::string& image,
                                  uint32_t disk_mib = 0) {
    return world_.Create(
        "acme",
        {.name = name, .image = image, .memory_mib = 192, .vcpus = 1, .disk_mib = disk_mib});
  }

  FakeHost host_;
  BrokerWorld world_{host_};
};

}  // namespace flatvm::broker
