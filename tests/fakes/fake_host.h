// A host in memory, to be looked at: one that has all that flatvm needs, until a test takes away.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "daemon/base/error.h"
#include "daemon/check/host.h"

namespace flatvm::fakes {

// Thread-compatible.
class FakeHost final : public check::Host {
 public:
  FakeHost() {
    files = {{"/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n"},
             {"/sys/kernel/mm/ksm/run", "0\n"},
             {"/proc/net/route",
              "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
              "eth0\t00000000\t016433C6\t0003\t0\t0\t0\t00000000\n"},
             {"/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"}};
    there = {"/dev/vhost-vsock",
             "/run/systemd/system",
             "/usr/libexec/flatvm/flatvm-front",
             "/usr/libexec/flatvm/flatvm-quota",
             "/usr/libexec/flatvm/flatvm-import",
             "/usr/bin/qemu-img",
             "/sbin/mke2fs",
             "/sbin/e2fsck",
             "/sbin/resize2fs",
             "/usr/sbin/nft",
             "/usr/sbin/dnsmasq"};
    programs = {{"/usr/bin/systemctl --version", {0, "systemd 252 (252.39-1~deb12u1)\n+PAM\n"}},
                {"/sbin/e2fsck -V", {0, "e2fsck 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS\n"}},
                {"/usr/sbin/nft list table inet flatvm", {0, "table inet flatvm {\n}\n"}},
                {"/usr/sbin/nft list tables", {0, "table inet flatvm\n"}}};
  }

  bool IsRoot() override { return root; }
  bool Has(const std::string& path, check::Use /*use*/) override { return there.contains(path); }
  absl::StatusOr<std::string> ReadFile(const std::string& path) override {
    const auto file = files.find(path);
    if (file == files.end()) return absl::NotFoundError(path);
    return file->second;
  }
  absl::StatusOr<base::ProgramResult> Run(const std::vector<std::string>& argv) override {
    const auto program = programs.find(absl::StrJoin(argv, " "));
    if (program == programs.end()) return base::InternalError("start " + argv[0] + ": ENOENT");
    return program->second;
  }
  absl::Status TryKvm() override { return kvm; }
  absl::StatusOr<check::FilesystemFacts> TryFilesystem(const std::string& directory) override {
    asked_directory = directory;
    return filesystem;
  }
  absl::StatusOr<check::SpaceFacts> MeasureSpace(const std::string& /*directory*/,
                                                 const std::string& /*counted*/) override {
    return space;
  }
  check::NetworkFacts TryNetwork() override { return network; }
  absl::StatusOr<check::HypervisorVersions> AskLibvirt(const std::string& uri) override {
    asked_uri = uri;
    return versions;
  }

  bool root = true;
  std::map<std::string, std::string> files;
  std::set<std::string> there;
  std::map<std::string, base::ProgramResult> programs;  // by the words, with blanks between
  absl::Status kvm;
  check::NetworkFacts network;
  absl::StatusOr<check::FilesystemFacts> filesystem = check::FilesystemFacts{
      .type = "xfs", .direct_io = true, .shares_blocks = true, .shifts_blocks = true};
  absl::StatusOr<check::SpaceFacts> space =
      check::SpaceFacts{.free_bytes = uint64_t{60} << 30U, .taken_bytes = uint64_t{4} << 30U};
  absl::StatusOr<check::HypervisorVersions> versions =
      check::HypervisorVersions{.libvirt = "9.0.0", .qemu = "7.2.22"};

  std::string asked_directory;
  std::string asked_uri;
};

}  // namespace flatvm::fakes
