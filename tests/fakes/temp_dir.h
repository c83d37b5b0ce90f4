// A directory that goes with its test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace flatvm::fakes {

// Thread-compatible.
class TempDir {
 public:
  TempDir() : TempDir(std::filesystem::temp_directory_path()) {}
  explicit TempDir(const std::filesystem::path& parent) {
    std::string name = (parent / "flatvm-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  // Absolute.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace flatvm::fakes
