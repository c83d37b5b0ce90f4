// The parts of procfs and sysfs that cgroups/ reads, as a directory tree, and a directory whose
// file system lies on a block device of that tree.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "cgroups/host_facts.h"
#include "daemon/base/str_cat.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::cgroups {

// Thread-compatible.
class FakeHostTree {
 public:
  // Has no number of its own as btrfs' files have none, and is there on every Linux. What is
  // mounted there according to the tree's mountinfo is what MountStorage says.
  static constexpr const char* kStorageDir = "/proc";

  FakeHostTree() {
    for (const char* directory : {"/proc/self", "/sys/devices/system/cpu", "/sys/dev/block",
                                  "/sys/class/block", "/dev/mapper"}) {
      std::filesystem::create_directories(tree_.path() + directory);
    }
    SetPossibleCpus("0-7");
  }

  HostRoots roots() const { return {.proc = tree_.path() + "/proc", .sys = tree_.path() + "/sys"}; }

  void SetPossibleCpus(const std::string& list) {
    Write("/sys/devices/system/cpu/possible", list + "\n");
  }

  // A block device such as "254:0", "vda"; `slaves`: names of those it lies on.
  void AddDisk(const std::string& number, const std::string& name,
               const std::vector<std::string>& slaves = {}) {
    AddDevice(number, name, "/sys/devices/" + name);
    for (const std::string& slave : slaves) {
      const std::string directory = base::StrCat(tree_.path(), devices_.at(name), "/slaves");
      std::filesystem::create_directories(directory);
      std::filesystem::create_symlink(tree_.path() + devices_.at(slave),
                                      base::StrCat(directory, "/", slave));
    }
  }

  void AddPartition(const std::string& number, const std::string& name, const std::string& disk) {
    AddDevice(number, name, base::StrCat("/sys/devices/", disk, "/", name));
    Write(devices_.at(name) + "/partition", "1\n");
  }

  // The device's node; a symlink to it if `alias` is given, such as "mapper/root".
  std::string Node(const std::string& name, const std::string& alias = "") {
    Write("/dev/" + name, "");
    if (alias.empty()) return base::StrCat(tree_.path(), "/dev/", name);
    std::filesystem::create_symlink(base::StrCat(tree_.path(), "/dev/", name),
                                    base::StrCat(tree_.path(), "/dev/", alias));
    return base::StrCat(tree_.path(), "/dev/", alias);
  }

  // kStorageDir is mounted from `source`.
  void MountStorage(const std::string& source) {
    struct statx info = {};
    ::statx(AT_FDCWD, kStorageDir, 0, STATX_MNT_ID, &info);
    Write("/proc/self/mountinfo",
          base::StrCat("1 0 0:1 / / rw - rootfs rootfs rw\n", info.stx_mnt_id,
                       " 1 0:32 /@ /mnt rw,noatime shared:1 - btrfs ", source, " rw,subvol=/@\n"));
  }

  void AddProcess(uint64_t pid, const std::string& cgroup) {
    const std::string directory = base::StrCat("/proc/", pid);
    std::filesystem::create_directories(tree_.path() + directory);
    Write(directory + "/cgroup", base::StrCat("1:name=systemd:/\n0::", cgroup, "\n"));
    Write(directory + "/oom_score_adj", "0\n");
  }

  std::string OomScoreAdjustment(uint64_t pid) const {
    std::ifstream file(base::StrCat(tree_.path(), "/proc/", pid, "/oom_score_adj"));
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  void AddDevice(const std::string& number, const std::string& name, const std::string& path) {
    std::filesystem::create_directories(tree_.path() + path);
    Write(path + "/dev", number + "\n");
    devices_.insert_or_assign(name, path);
    for (const std::string& link : {"/sys/dev/block/" + number, "/sys/class/block/" + name}) {
      std::filesystem::create_symlink(tree_.path() + path, tree_.path() + link);
    }
  }

  void Write(const std::string& path, const std::string& content) const {
    std::ofstream(tree_.path() + path) << content;
  }

  fakes::TempDir tree_;
  std::map<std::string, std::string> devices_;  // directory below tree_ by name
};

}  // namespace flatvm::cgroups
