// A worker on a quota disk that reads no filesystem, for tests of who works with one.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/types.h"
#include "storage/extent_copy.h"
#include "storage/quota_worker.h"

namespace flatvm::storage {

inline constexpr const char* kId = "0b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";
inline constexpr uint64_t kMib = base::kMebibyte;
inline constexpr uint32_t kDiskMib = 32;
inline constexpr uint64_t kImageBytes = 10 * kMib + 512;
inline constexpr uint32_t kNewDiskMib = kDiskMib - 11;

// Where FakeWorker puts an image that comes back, and how much of it.
inline constexpr uint64_t kReturnedAt = 4096;
inline constexpr uint64_t kReturnedBytes = kMib;

// Where the image lies: in two places, with other things in front, between and behind.
inline std::vector<Extent> Extents() {
  return {{.file_offset = 0, .disk_offset = 4 * kMib, .length = 6 * kMib},
          {.file_offset = 6 * kMib, .disk_offset = 16 * kMib, .length = 4 * kMib + 4096}};
}

// A worker that knows where the image is without reading; the new disk it makes says "new".
class FakeWorker final : public QuotaWorker {
 public:
  std::unique_ptr<PreparedWorker> Prepare(const std::string& /*tenant*/) override {
    return nullptr;
  }
  void KeepReady(const std::string& /*tenant*/) override {}
  void Dismiss(const std::string& /*tenant*/) override {}
  absl::Status Format(const std::string& /*tenant*/, int disk) override {
    if (!format_status.ok()) return format_status;
    return ::pwrite(disk, "ext4", 4, 1080) == 4 ? absl::OkStatus() : absl::InternalError("pwrite");
  }
  absl::StatusOr<std::unique_ptr<ImageExtraction>> Begin(const std::string& tenant, int disk,
                                                         const std::string& path) override {
    begun = tenant + ":" + path;
    return std::make_unique<Extraction>(*this, disk);
  }

  // Writes at the new disk's beginning what was asked of it, and behind that the image.
  absl::StatusOr<std::unique_ptr<ImageReturn>> BeginReturn(const std::string& tenant, int /*disk*/,
                                                           const std::string& path) override {
    begun = tenant + ":" + path;
    return std::make_unique<Return>(*this);
  }

  FoundImage found{.image_bytes = kImageBytes, .extents = Extents()};
  absl::Status format_status;
  absl::Status take_status;
  bool short_image = false;
  std::string begun;
  std::vector<ImageWay> ways;
  absl::Status check_status;
  uint64_t data_bytes = 0;

 private:
  class Return final : public ImageReturn {
   public:
    explicit Return(FakeWorker& worker) : worker_(worker) {}
    absl::Status Check(uint64_t data_bytes, uint32_t /*new_disk_mib*/) override {
      worker_.data_bytes = data_bytes;
      return worker_.check_status;
    }
    absl::Status Put(ImageWay way, int image, int new_disk, uint32_t new_disk_mib) override {
      worker_.ways.push_back(way);
      if (!worker_.take_status.ok()) return worker_.take_status;
      EXPECT_EQ(::lseek(new_disk, 0, SEEK_END), static_cast<off_t>(new_disk_mib * kMib));
      FLATVM_RETURN_IF_ERROR(
          CopyRange(image, 0, new_disk, kReturnedAt, kReturnedBytes, CopyMeans::kBuffer));
      return ::pwrite(new_disk, "back", 4, 0) == 4 ? absl::OkStatus()
                                                   : absl::InternalError("pwrite");
    }

   private:
    FakeWorker& worker_;
  };

  class Extraction final : public ImageExtraction {
   public:
    Extraction(FakeWorker& worker, int disk) : worker_(worker), disk_(disk) {}
    absl::StatusOr<FoundImage> Find() override { return worker_.found; }
    absl::Status Take(ImageWay way, int image, int new_disk, uint32_t new_disk_mib) override {
      worker_.ways.push_back(way);
      if (!worker_.take_status.ok()) return worker_.take_status;
      if (way != ImageWay::kLeave && !worker_.short_image) {
        FLATVM_RETURN_IF_ERROR(CopyExtents(disk_, worker_.found.extents, image,
                                           worker_.found.image_bytes, CopyMeans::kBuffer));
      }
      EXPECT_EQ(new_disk_mib, kNewDiskMib);
      return ::pwrite(new_disk, "new", 3, 0) == 3 ? absl::OkStatus()
                                                  : absl::InternalError("pwrite");
    }

   private:
    FakeWorker& worker_;
    const int disk_;
  };
};

}  // namespace flatvm::storage
