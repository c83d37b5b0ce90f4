// What a file holds and how much of it is holes, for tests.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace flatvm::storage {

inline std::string ReadWhole(int file) {
  struct stat info {};
  EXPECT_EQ(::fstat(file, &info), 0);
  std::string bytes(static_cast<size_t>(info.st_size), '?');
  EXPECT_EQ(::pread(file, bytes.data(), bytes.size(), 0), info.st_size);
  return bytes;
}

// Bytes that the file says are data; the rest is holes. What the host's cache has of blocks that
// were never written counts as data.
inline uint64_t DataBytes(int file) {
  EXPECT_EQ(::fsync(file), 0);
  uint64_t bytes = 0;
  off_t end = 0;
  for (off_t at = 0; (at = ::lseek(file, end, SEEK_DATA)) >= 0;) {
    end = ::lseek(file, at, SEEK_HOLE);
    bytes += static_cast<uint64_t>(end - at);
  }
  return bytes;
}

// That the file has that content, and no more data than `allocated` bytes.
inline void ExpectContent(int file, const std::string& content, uint64_t allocated) {
  EXPECT_LE(DataBytes(file), allocated);
  const std::string bytes = ReadWhole(file);
  EXPECT_EQ(bytes.size(), content.size());
  const auto at = std::mismatch(bytes.begin(), bytes.end(), content.begin(), content.end()).first;
  // Not EXPECT_EQ: it would print megabytes.
  EXPECT_TRUE(bytes == content) << "differs from byte " << at - bytes.begin() << " on";
}

}  // namespace flatvm::storage
