// A secondary as the hypervisor is to run it: plain data, as the port hypervisor.h takes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/types.h"

namespace flatvm::hypervisor {

// A virtio disk. With a `backing_path`, `path` is a qcow2 copy-on-write layer on it. No format is
// ever guessed from a file: `format` of a raw one must say so.
struct DomainDisk {
  std::string path;  // absolute
  base::DiskFormat format = base::DiskFormat::kQcow2;
  std::string backing_path;  // absolute; empty: none
  base::DiskFormat backing_format = base::DiskFormat::kRaw;
  bool backing_is_private = false;  // libvirt makes it QEMU's own; else QEMU's user can read it
  std::string serial;               // [a-z0-9-]{1,20}: what its guest finds it by; empty: none
};

// Direct kernel boot.
struct DomainKernel {
  std::string kernel_path;  // absolute
  std::string initrd_path;  // absolute; empty: none
  std::string cmdline;      // printable ASCII
};

// A virtio NIC, on one of the two.
struct DomainNic {
  std::string mac;      // "52:54:00:xx:xx:xx"
  std::string network;  // libvirt network; empty: on a bridge
  std::string bridge;   // interface of the host's that libvirt has no network of; empty: none

  bool operator==(const DomainNic&) const = default;
};

// A secondary as the hypervisor is to run it. Boots from `kernel` if there is one, else from the
// first of `disks`.
struct DomainSpec {
  std::string tenant;
  std::string vm_id;    // UUID, becomes the domain's
  std::string vm_name;  // the domain is called DomainName(tenant, vm_name)
  uint32_t memory_mib = 0;
  uint32_t vcpus = 0;
  base::VsockCid cid;
  std::vector<DomainNic> nics;  // in this order; 1..4, of different hardware addresses
  std::string partition;        // libvirt resource partition, such as "/flatvm/acme"
  // vda, vdb, …; at most 9, of different files.
  std::vector<DomainDisk> disks;
  std::optional<DomainKernel> kernel;
  std::string console_log;  // absolute path of the file the serial console is written to
  // Of one CPU, for all of its threads together; at most 100 for each vCPU. 0: no quota of its own.
  uint32_t cpu_quota_percent = 0;
};

}  // namespace flatvm::hypervisor
