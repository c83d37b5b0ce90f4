#include "daemon/hypervisor/spec_check.h"

#include <algorithm>
#include <set>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::hypervisor {
namespace {

constexpr size_t kMaxPath = 1024;
constexpr size_t kMaxPartition = 256;
constexpr size_t kMaxNetworkName = 96;  // "flatvm-", a tenant's name, a dot, a network's
constexpr size_t kMaxNics = 4;
constexpr size_t kMaxInterfaceName = 15;  // IFNAMSIZ less its zero
constexpr size_t kMaxSerial = 20;         // virtio-blk has room for no more (VIRTIO_BLK_ID_BYTES)

bool IsPrintable(char c) { return c >= ' ' && c <= '~'; }
bool IsLowerHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool IsPrintableText(std::string_view text, size_t max) {
  return text.size() <= max && std::all_of(text.begin(), text.end(), IsPrintable);
}

// An absolute path that means the same to libvirt, to QEMU and to a reader of logs: no "." or "..".
bool IsPath(std::string_view text) {
  if (text.size() < 2 || text.front() != '/' || text.back() == '/') return false;
  if (!IsPrintableText(text, kMaxPath)) return false;
  for (const std::string_view dots : {"/./", "/../", "//"}) {
    if (text.find(dots) != std::string_view::npos) return false;
  }
  return !text.ends_with("/.") && !text.ends_with("/..");
}

bool IsNetworkName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNetworkName && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

absl::Status Require(bool holds, std::string_view field) {
  if (holds) return absl::OkStatus();
  return base::InternalError(base::StrCat("domain spec: ", field, " is not acceptable"));
}

absl::Status CheckCid(base::VsockCid cid) {
  return Require(
      cid.value >= base::VsockCid::kFirstGuest && cid.value <= base::VsockCid::kLastGuest, "cid");
}

absl::Status CheckPartition(std::string_view partition) {
  return Require(IsPath(partition) && partition.size() <= kMaxPartition, "partition");
}

bool IsSerial(std::string_view text) {
  return !text.empty() && text.size() <= kMaxSerial &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

absl::Status CheckDisk(const DomainDisk& disk) {
  FLATVM_RETURN_IF_ERROR(Require(IsPath(disk.path), "disk.path"));
  FLATVM_RETURN_IF_ERROR(Require(disk.serial.empty() || IsSerial(disk.serial), "disk.serial"));
  if (disk.backing_path.empty()) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(
      Require(disk.format == base::DiskFormat::kQcow2, "disk.format with a backing path"));
  return Require(IsPath(disk.backing_path), "disk.backing_path");
}

// A file that two disks write to, or that one writes to beneath another, would be lost.
absl::Status CheckDisks(const std::vector<DomainDisk>& disks) {
  FLATVM_RETURN_IF_ERROR(Require(disks.size() <= kMaxDisks, "disks: their number"));
  std::set<std::string_view> paths;
  for (const DomainDisk& disk : disks) {
    FLATVM_RETURN_IF_ERROR(CheckDisk(disk));
    FLATVM_RETURN_IF_ERROR(
        Require(paths.insert(disk.path).second, "disk.path, which is twice there,"));
  }
  for (const DomainDisk& disk : disks) {
    FLATVM_RETURN_IF_ERROR(
        Require(!paths.contains(disk.backing_path), "disk.backing_path, which is a disk too,"));
  }
  return absl::OkStatus();
}

absl::Status CheckKernel(const DomainKernel& kernel) {
  FLATVM_RETURN_IF_ERROR(Require(IsPath(kernel.kernel_path), "kernel.kernel_path"));
  FLATVM_RETURN_IF_ERROR(
      Require(kernel.initrd_path.empty() || IsPath(kernel.initrd_path), "kernel.initrd_path"));
  return Require(IsPrintableText(kernel.cmdline, kMaxCmdline), "kernel.cmdline");
}

absl::Status CheckNics(const std::vector<DomainNic>& nics) {
  FLATVM_RETURN_IF_ERROR(Require(!nics.empty() && nics.size() <= kMaxNics, "nics"));
  std::set<std::string_view> macs;
  for (const DomainNic& nic : nics) {
    FLATVM_RETURN_IF_ERROR(Require(IsMac(nic.mac) && macs.insert(nic.mac).second, "mac"));
    if (nic.bridge.empty()) {
      FLATVM_RETURN_IF_ERROR(Require(IsNetworkName(nic.network), "network"));
      continue;
    }
    const bool good = nic.network.empty() && nic.bridge.size() <= kMaxInterfaceName &&
                      IsNetworkName(nic.bridge) && nic.bridge != "." && nic.bridge != "..";
    FLATVM_RETURN_IF_ERROR(Require(good, "bridge"));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsMac(std::string_view text) {
  constexpr size_t kLength = 17;
  if (text.size() != kLength) return false;
  for (size_t i = 0; i < kLength; ++i) {
    if (i % 3 == 2 ? text[i] != ':' : !IsLowerHex(text[i])) return false;
  }
  constexpr std::string_view kUnicast = "02468ace";  // lowest bit of the first byte clear
  return kUnicast.find(text[1]) != std::string_view::npos;
}

absl::Status CheckDomainSpec(const DomainSpec& spec) {
  FLATVM_RETURN_IF_ERROR(Require(base::IsName(spec.tenant), "tenant"));
  FLATVM_RETURN_IF_ERROR(Require(base::IsUuid(spec.vm_id), "vm_id"));
  FLATVM_RETURN_IF_ERROR(Require(base::IsName(spec.vm_name), "vm_name"));
  FLATVM_RETURN_IF_ERROR(Require(spec.memory_mib > 0, "memory_mib"));
  FLATVM_RETURN_IF_ERROR(Require(spec.vcpus > 0 && spec.vcpus <= kMaxVcpus, "vcpus"));
  FLATVM_RETURN_IF_ERROR(
      Require(spec.cpu_quota_percent <= spec.vcpus * kMaxPercentOfVcpu, "cpu_quota_percent"));
  FLATVM_RETURN_IF_ERROR(CheckCid(spec.cid));
  FLATVM_RETURN_IF_ERROR(CheckNics(spec.nics));
  FLATVM_RETURN_IF_ERROR(CheckPartition(spec.partition));
  FLATVM_RETURN_IF_ERROR(Require(IsPath(spec.console_log), "console_log"));
  FLATVM_RETURN_IF_ERROR(
      Require(!spec.disks.empty() || spec.kernel, "disks and kernel both missing"));
  FLATVM_RETURN_IF_ERROR(CheckDisks(spec.disks));
  if (spec.kernel) FLATVM_RETURN_IF_ERROR(CheckKernel(*spec.kernel));
  return absl::OkStatus();
}

absl::Status CheckAttachment(const PrimaryAttachment& attachment) {
  FLATVM_RETURN_IF_ERROR(Require(base::IsName(attachment.tenant), "tenant"));
  FLATVM_RETURN_IF_ERROR(CheckCid(attachment.cid));
  FLATVM_RETURN_IF_ERROR(CheckPartition(attachment.partition));
  FLATVM_RETURN_IF_ERROR(Require(IsNetworkName(attachment.network), "network"));
  FLATVM_RETURN_IF_ERROR(Require(attachment.hotplug_slots <= kMaxHotplugSlots, "hotplug_slots"));
  return Require(IsMac(attachment.mac), "mac");
}

absl::Status CheckPrimaryDisk(const PrimaryDisk& disk) {
  FLATVM_RETURN_IF_ERROR(Require(IsPath(disk.path), "disk.path"));
  return Require(IsSerial(disk.serial), "disk.serial");
}

}  // namespace flatvm::hypervisor
