// A directory of files in place of the kernel's cgroup.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/status/statusor.h"
#include "cgroups/cgroup_dir.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::cgroups {

// Begins with cgroup.events only. Thread-compatible.
class FakeCgroup {
 public:
  static constexpr const char* kPath = "/flatvm.slice/flatvm-acme.slice";

  FakeCgroup() {
    std::filesystem::create_directories(directory());
    Write("cgroup.events", "populated 0\nfrozen 0\n");
  }

  const std::string& root() const { return root_.path(); }
  std::string directory() const { return root_.path() + kPath; }
  absl::StatusOr<CgroupDir> Open() const { return CgroupDir::Open(root(), kPath); }

  // `name` may lie in a child, which is then made, with a process in it.
  void Write(const std::string& name, const std::string& content) const {
    const std::filesystem::path path = directory() + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    for (auto child = path.parent_path(); child != directory(); child = child.parent_path()) {
      if (std::filesystem::exists(child / "cgroup.events")) break;
      std::ofstream(child / "cgroup.events") << "populated 1\nfrozen 0\n";
    }
    std::ofstream(path) << content;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(directory() + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Remove(const std::string& name) const {
    std::filesystem::remove_all(directory() + "/" + name);
  }

 private:
  fakes::TempDir root_;
};

}  // namespace flatvm::cgroups
