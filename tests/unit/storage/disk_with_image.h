// A disk with an image in pieces on it, drawn from a seed, and its file, for tests.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "daemon/base/str_cat.h"
#include "storage/disk_run.h"
#include "storage/extent.h"
#include "tests/unit/storage/file_content.h"

namespace flatvm::storage {

constexpr uint64_t kTestBlock = 4096;

// Extents that ascend in both; gaps and holes, or none, between them; on the disk, data, holes and
// blocks that were never written, wherever. Immutable once made; tests may set the members.
struct DiskWithImage {
  // What a part of the disk is: `data` false and `allocated` reads as zeros.
  struct Stretch {
    DiskRun run;
    bool allocated = false;
    bool data = false;
  };

  explicit DiskWithImage(uint64_t seed) : random(seed) {
    uint64_t file_end = 0;
    uint64_t disk_end = 0;
    const uint64_t count = 1 + Below(12);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t disk_gap = Below(3) == 0 ? 0 : Below(40) * kTestBlock;
      const uint64_t file_gap = Below(2) == 0 ? 0 : Below(60) * kTestBlock;
      const uint64_t length = (1 + Below(30)) * kTestBlock;
      AddOther(disk_end, disk_gap);
      extents.push_back({.file_offset = file_end + file_gap,
                         .disk_offset = disk_end + disk_gap,
                         .length = length});
      file_end += file_gap + length;
      disk_end += disk_gap + length;
    }
    const uint64_t tail = Below(40) * kTestBlock;
    AddOther(disk_end, tail);
    disk_bytes = disk_end + tail;
    const std::vector<uint64_t> lengths = {file_end, file_end - 512 * (1 + Below(7)),
                                           file_end + Below(50) * kTestBlock + 512};
    image_bytes = lengths[Below(lengths.size())];
    Fill();
  }

  // Content of the image as it must be in the end.
  std::string Image() const {
    std::string image(image_bytes, '\0');
    for (const Extent& extent : extents) {
      const uint64_t length = std::min(extent.length, image_bytes - extent.file_offset);
      image.replace(extent.file_offset, length, content, extent.disk_offset, length);
    }
    return image;
  }

  // In two turns, so that what is one run of the disk is several of the host's.
  void WriteTo(int file) const {
    ASSERT_EQ(::ftruncate(file, static_cast<off_t>(disk_bytes)), 0);
    for (const size_t turn : {size_t{0}, size_t{1}}) {
      for (size_t i = turn; i < stretches.size(); i += 2) {
        const auto offset = static_cast<off_t>(stretches[i].run.offset);
        const uint64_t length = stretches[i].run.length;
        if (stretches[i].data) {
          ASSERT_EQ(::pwrite(file, content.data() + offset, length, offset),
                    static_cast<ssize_t>(length));
        } else if (stretches[i].allocated) {
          ASSERT_EQ(::posix_fallocate(file, offset, static_cast<off_t>(length)), 0);
        }
      }
      ASSERT_EQ(::fdatasync(file), 0);
    }
  }

  // Bytes of `run` that are no holes of the disk.
  uint64_t AllocatedIn(const DiskRun& run) const {
    uint64_t bytes = 0;
    for (const Stretch& stretch : stretches) {
      const uint64_t begin = std::max(run.offset, stretch.run.offset);
      const uint64_t end =
          std::min(run.offset + run.length, stretch.run.offset + stretch.run.length);
      if (stretch.allocated && begin < end) bytes += end - begin;
    }
    return bytes;
  }

  uint64_t Below(uint64_t limit) { return random() % limit; }

  std::mt19937_64 random;
  uint64_t disk_bytes = 0;
  uint64_t image_bytes = 0;
  std::vector<Extent> extents;
  std::vector<DiskRun> others;     // what is not the image's
  std::vector<Stretch> stretches;  // of the disk, all of it
  std::string content;             // of the disk; each block of data differs from all others

 private:
  void AddOther(uint64_t offset, uint64_t length) {
    if (length != 0) others.push_back({.offset = offset, .length = length});
  }

  void Fill() {
    content.assign(disk_bytes, '\0');
    for (uint64_t at = 0; at < disk_bytes;) {
      const uint64_t length = std::min((1 + Below(20)) * kTestBlock, disk_bytes - at);
      const uint64_t kind = Below(10);
      stretches.push_back({.run = {at, length}, .allocated = kind < 8, .data = kind < 7});
      for (uint64_t block = at; kind < 7 && block < at + length; block += kTestBlock) {
        std::string text = base::StrCat("block ", block / kTestBlock, " of the disk. ");
        while (text.size() < kTestBlock) text += text;
        content.replace(block, kTestBlock, text, 0, kTestBlock);
      }
      at += length;
    }
  }
};

// That the file is the image, with its holes.
inline void ExpectImage(int file, const DiskWithImage& disk) {
  uint64_t allocated = 0;
  for (const Extent& extent : disk.extents) {
    allocated += disk.AllocatedIn({.offset = extent.disk_offset, .length = extent.length});
  }
  ExpectContent(file, disk.Image(), allocated);
}

}  // namespace flatvm::storage
