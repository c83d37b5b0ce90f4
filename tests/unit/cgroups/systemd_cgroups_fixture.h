// SystemdCgroups on a fake systemd and a fake host, for its tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "cgroups/systemd_cgroups.h"
#include "tests/fakes/fake_systemd.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/cgroups/fake_host_tree.h"

namespace flatvm::cgroups {

inline constexpr const char* kSlice = "flatvm-acme.slice";
inline constexpr const char* kScope = "machine-qemu\\x2d7\\x2dflatvm\\x2dacme.web.scope";
inline const SliceLimits kLimits{
    .memory_max_bytes = uint64_t{4} << 30U, .cpu_percent = 400, .tasks_max = 1024};
inline const SliceLimits kAllLimits{
    .memory_max_bytes = uint64_t{4} << 30U,
    .memory_high_bytes = uint64_t{3} << 30U,
    .cpu_percent = 400,
    .cpus = {1, 2, 3, 10},
    .tasks_max = 1024,
    .io = {.read_bytes = 1'000'000, .write_bytes = 2, .read_operations = 3, .write_operations = 4}};

// The tenants' storage lies on vda, 254:0; the host has 16 CPUs.
class SystemdCgroupsFixture : public ::testing::Test {
 protected:
  SystemdCgroupsFixture() {
    host_.SetPossibleCpus("0-15");
    host_.AddDisk("254:0", "vda");
    host_.AddPartition("254:2", "vda2", "vda");
    host_.MountStorage(host_.Node("vda2"));
  }

  void WriteBelowSlice(const std::string& name, const std::string& content) {
    const std::filesystem::path path = systemd_.CgroupDirectory(kSlice) + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  std::string ReadBelowSlice(const std::string& name) {
    std::ifstream file(systemd_.CgroupDirectory(kSlice) + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fakes::TempDir root_;
  FakeHostTree host_;
  fakes::FakeSystemd systemd_{root_.path()};
  SystemdCgroups cgroups_{{.cgroup_root = root_.path(),
                           .storage_dir = FakeHostTree::kStorageDir,
                           .proc_root = host_.roots().proc,
                           .sys_root = host_.roots().sys,
                           .open_bus = [this](sd_bus** bus) { return systemd_.Open(bus); }}};
};

}  // namespace flatvm::cgroups
