#include "storage/qcow2_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::storage {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Qcow2Header> Parse(const std::string& file) {
  return ParseQcow2Header(file, file.size());
}

TEST(Qcow2Header, ReadsSizeAndClusterBits) {
  const absl::StatusOr<Qcow2Header> header = Parse(SmallQcow2(uint64_t{20} << 20U));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->virtual_size_bytes, uint64_t{20} << 20U);
  EXPECT_EQ(header->cluster_bits, 16U);
}

TEST(Qcow2Header, AcceptsWhatIsHarmless) {
  const std::vector<std::pair<const char*, std::function<void(std::string*)>>> cases = {
      {"the short header", [](auto* b) { PutBigEndian(b, 100, 4, 104); }},
      {"compatible features", [](auto* b) { PutBigEndian(b, 80, 8, ~uint64_t{0}); }},
      {"a size of no whole clusters", [](auto* b) { PutBigEndian(b, 24, 8, 1); }},
      {"zstd",
       [](auto* b) {
         PutBigEndian(b, 72, 8, 8);
         PutBigEndian(b, 104, 1, 1);
       }},
      {"extended L2 entries", [](auto* b) { PutBigEndian(b, 72, 8, 16); }},
      {"bitmaps", [](auto* b) { PutBigEndian(b, 88, 8, 1); }},
      {"an extension that is not known",
       [](auto* b) {
         PutBigEndian(b, 112, 4, 0x12345678);
         PutBigEndian(b, 116, 4, 13);
       }},
      {"a longer L1 table than needed",
       [](auto* b) {
         PutBigEndian(b, 36, 4, 1000);
         b->resize(b->size() + 8000);
       }},
  };
  for (const auto& [what, change] : cases) {
    std::string bytes = SmallQcow2();
    change(&bytes);
    EXPECT_TRUE(Parse(bytes).ok()) << what << ": " << Parse(bytes).status();
  }
}

struct BadField {
  const char* says;
  size_t at;
  size_t width;
  uint64_t value;
};

TEST(Qcow2Header, RefusesBadFieldsSayingWhy) {
  for (const BadField& bad : std::vector<BadField>{
           {"not a qcow2", 0, 4, 0x51464900},
           {"version 3", 4, 4, 2},
           {"version 3", 4, 4, 4},
           {"version 3", 4, 4, 0},
           {"backing file", 8, 8, 512},
           {"clusters of an unacceptable size", 20, 4, 8},
           {"clusters of an unacceptable size", 20, 4, 22},
           {"clusters of an unacceptable size", 20, 4, 0xFFFFFFFF},
           {"virtual size", 24, 8, 0},
           {"virtual size", 24, 8, kMaxVirtualSizeBytes + 1},
           {"virtual size", 24, 8, ~uint64_t{0}},
           {"encrypted", 32, 4, 1},
           {"encrypted", 32, 4, 2},
           {"L1 table whose length", 36, 4, 0},
           {"L1 table whose length", 36, 4, (32U << 20U) / 8 + 1},
           {"L1 table whose length", 36, 4, 0xFFFFFFFF},
           {"L1 table whose length", 24, 8, uint64_t{513} << 20U},  // needs two entries
           {"L1 table outside", 36, 4, 2},
           {"L1 table outside", 40, 8, 0},
           {"L1 table outside", 40, 8, 0x30200},
           {"L1 table outside", 40, 8, 0x40000},
           {"L1 table outside", 40, 8, ~uint64_t{0} - 65535},
           {"refcount table outside", 48, 8, 0},
           {"refcount table outside", 48, 8, 1},
           {"refcount table outside", 48, 8, uint64_t{1} << 63U},
           {"refcount table of an unacceptable length", 56, 4, 0},
           {"refcount table of an unacceptable length", 56, 4, 129},  // 8 MiB and a cluster
           {"refcount table outside", 56, 4, 3},
           {"internal snapshots", 60, 4, 1},
           {"dirty", 72, 8, 1},
           {"corrupt", 72, 8, 2},
           {"external data file", 72, 8, 4},
           {"compression type", 72, 8, 8},  // announced, but still zlib
           {"incompatible feature", 72, 8, 32},
           {"incompatible feature", 72, 8, uint64_t{1} << 63U},
           {"external data file", 88, 8, 2},
           {"refcounts of an unacceptable width", 96, 4, 7},
           {"header of an unacceptable length", 100, 4, 0},
           {"header of an unacceptable length", 100, 4, 103},
           {"header of an unacceptable length", 100, 4, 105},
           {"header of an unacceptable length", 100, 4, 108},
           {"header of an unacceptable length", 100, 4, 113},
           {"header of an unacceptable length", 100, 4, 65544},
           {"header of an unacceptable length", 100, 4, 0xFFFFFFFF},
           {"compression type", 104, 1, 1},  // zstd, but not announced
           {"external data file", 112, 4, 0x44415441},
           {"encrypted", 112, 4, 0x0537be77},
       }) {
    std::string bytes = SmallQcow2();
    PutBigEndian(&bytes, bad.at, bad.width, bad.value);
    const absl::Status status = Parse(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition)
        << bad.says << " at " << bad.at << " = " << bad.value;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kImageUnusable);
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(bad.says))
        << " at " << bad.at << " = " << bad.value;
  }
}

TEST(Qcow2Header, RefusesExtensionsBehindOthers) {
  std::string bytes = SmallQcow2();
  PutBigEndian(&bytes, 112, 4, 0x6803f857);  // feature names, 9 bytes padded to 16
  PutBigEndian(&bytes, 116, 4, 9);
  PutBigEndian(&bytes, 136, 4, 0x44415441);
  EXPECT_THAT(std::string(base::Message(Parse(bytes).status())), HasSubstr("external data file"));
}

TEST(Qcow2Header, RefusesExtensionsWithoutAnEnd) {
  for (const uint64_t length : {uint64_t{65536}, uint64_t{0xFFFFFFFF}, uint64_t{65416}}) {
    std::string bytes = SmallQcow2();
    PutBigEndian(&bytes, 112, 4, 0x12345678);
    PutBigEndian(&bytes, 116, 4, length);
    EXPECT_THAT(std::string(base::Message(Parse(bytes).status())), HasSubstr("without an end"));
  }
}

TEST(Qcow2Header, RefusesExtendedL2EntriesInSmallClusters) {
  std::string bytes = SmallQcow2();
  PutBigEndian(&bytes, 20, 4, 13);
  PutBigEndian(&bytes, 72, 8, 16);
  EXPECT_FALSE(Parse(bytes).ok());
}

TEST(Qcow2Header, ReadsNothingBehindTheEnd) {
  const std::string whole = SmallQcow2();
  for (size_t length = 0; length < 128; ++length) {
    // A heap copy of just this length: the address sanitizer sees a read past it.
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
    const std::string_view bytes(cut.data(), cut.size());
    const bool ok = ParseQcow2Header(bytes, whole.size()).ok();
    EXPECT_EQ(ok, length >= 120) << length;  // 112 of header, 8 of end mark
  }
}

TEST(Qcow2Header, AcceptsNoImageWhoseTablesAreNotInTheFile) {
  const std::string whole = SmallQcow2();
  EXPECT_FALSE(ParseQcow2Header(whole, whole.size() - 1).ok());
  EXPECT_FALSE(ParseQcow2Header(whole, 0).ok());
}

}  // namespace
}  // namespace flatvm::storage
