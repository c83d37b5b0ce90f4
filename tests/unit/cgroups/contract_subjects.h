// What the contract of TenantCgroups is run on: each implementation, and what it stands on.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "cgroups/host_facts.h"
#include "cgroups/storage_device.h"
#include "cgroups/systemd_cgroups.h"
#include "cgroups/tenant_cgroups.h"
#include "daemon/base/str_cat.h"
#include "tests/fakes/fake_cgroups.h"
#include "tests/fakes/fake_systemd.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/cgroups/fake_host_tree.h"

namespace flatvm::cgroups {

// One implementation and all that it stands on.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual TenantCgroups& cgroups() = 0;
  // Whether a limit of I/O finds a device.
  virtual bool HasDisk() const { return true; }
  // A domain runs in the slice and holds `bytes`. False if there are none to be had here.
  virtual bool StartDomain(const std::string& tenant, uint32_t domain_id, uint64_t bytes) = 0;
  // Whether it knows which domains do not run; the fake takes every number for one that does.
  virtual bool KnowsDomains() const { return true; }
};

class FakeSubject final : public Subject {
 public:
  TenantCgroups& cgroups() override { return cgroups_; }
  bool StartDomain(const std::string& tenant, uint32_t domain_id, uint64_t bytes) override {
    cgroups_.SetVmMemory(tenant, domain_id, bytes);
    return true;
  }
  bool KnowsDomains() const override { return false; }

 private:
  fakes::FakeCgroups cgroups_;
};

class FakeSystemdSubject final : public Subject {
 public:
  FakeSystemdSubject() {
    host_.AddDisk("254:0", "vda");
    host_.MountStorage(host_.Node("vda"));
  }

  TenantCgroups& cgroups() override { return cgroups_; }
  bool StartDomain(const std::string& tenant, uint32_t domain_id, uint64_t bytes) override {
    const std::string scope = base::StrCat("machine-qemu\\x2d", domain_id, "\\x2dtest.scope");
    const std::string directory = systemd_.CgroupDirectory(SliceName(tenant)) + "/" + scope;
    std::filesystem::create_directories(directory);
    std::ofstream(directory + "/cgroup.events") << "populated 1\n";
    std::ofstream(directory + "/cgroup.procs") << "100\n";
    std::ofstream(directory + "/memory.oom.group") << "0\n";
    std::ofstream(directory + "/memory.stat") << base::StrCat("anon ", bytes, "\nshmem 0\n");
    host_.AddProcess(100, base::StrCat("/flatvm.slice/", SliceName(tenant), "/", scope));
    return true;
  }

 private:
  fakes::TempDir root_;
  FakeHostTree host_;
  fakes::FakeSystemd systemd_{root_.path()};
  SystemdCgroups cgroups_{{.cgroup_root = root_.path(),
                           .storage_dir = FakeHostTree::kStorageDir,
                           .proc_root = host_.roots().proc,
                           .sys_root = host_.roots().sys,
                           .open_bus = [this](sd_bus** bus) { return systemd_.Open(bus); }}};
};

class SystemdSubject final : public Subject {
 public:
  TenantCgroups& cgroups() override { return cgroups_; }
  bool HasDisk() const override { return FindStorageDevice(kStorageDir, HostRoots{}).ok(); }
  bool StartDomain(const std::string& /*tenant*/, uint32_t /*domain_id*/,
                   uint64_t /*bytes*/) override {
    return false;
  }

 private:
  static constexpr const char* kStorageDir = "/var/lib";
  SystemdCgroups cgroups_{{.storage_dir = kStorageDir}};
};

// What this machine lacks for SystemdSubject; empty: nothing.
inline std::string FindHostLack() {
  std::ifstream file("/sys/fs/cgroup/cgroup.controllers");
  if (!file) return "cgroup v2 at /sys/fs/cgroup";
  const std::string controllers(std::istreambuf_iterator<char>(file), {});
  for (const char* controller : {"cpu", "cpuset", "io", "memory", "pids"}) {
    if (controllers.find(controller) == std::string::npos) {
      return std::string("the cgroup controller ") + controller;
    }
  }
  if (!std::filesystem::exists("/run/systemd/system")) return "systemd as the service manager";
  if (::geteuid() != 0) return "root";
  return "";
}

}  // namespace flatvm::cgroups
