// Secondaries as tests want them.
#pragma once

#include "daemon/hypervisor/hypervisor.h"

namespace flatvm::hypervisor {

// Boots a kernel, has a copy-on-write disk.
inline DomainSpec KernelSpec() {
  return DomainSpec{
      .tenant = "acme",
      .vm_id = "0b5c8f4e-7a31-4d1e-9c55-2f0e6d7a8b90",
      .vm_name = "web",
      .memory_mib = 192,
      .vcpus = 1,
      .cid = base::VsockCid{1001},
      .nics = {{.mac = "52:54:00:d5:00:03", .network = "flatvm-acme"}},
      .partition = "/flatvm/acme",
      .disks = {DomainDisk{.path = "/var/lib/flatvm/tenants/acme/vms/0b5c8f4e/disk.qcow2",
                           .backing_path = "/var/lib/flatvm/catalog/tiny/disk.raw"}},
      .kernel = DomainKernel{.kernel_path = "/var/lib/flatvm/catalog/tiny/vmlinuz",
                             .initrd_path = "/var/lib/flatvm/catalog/tiny/initrd.img",
                             .cmdline = "console=ttyS0 quiet"},
      .console_log = "/var/lib/flatvm/tenants/acme/vms/0b5c8f4e/console.log"};
}

// Boots from its disk, whose backing file is a qcow2 itself. Has a quota of CPU time.
inline DomainSpec DiskSpec() {
  DomainSpec spec = KernelSpec();
  spec.tenant = "globex-2";
  spec.vm_name = "db";
  spec.memory_mib = 2048;
  spec.vcpus = 4;
  spec.cpu_quota_percent = 350;
  spec.kernel.reset();
  spec.disks[0].backing_path = "/var/lib/flatvm/catalog/debian/disk.qcow2";
  spec.disks[0].backing_format = base::DiskFormat::kQcow2;
  return spec;
}

// A raw file, as volumes are.
inline DomainDisk VolumeDisk(const std::string& id) {
  return DomainDisk{.path = "/var/lib/flatvm/tenants/acme/volumes/" + id + ".raw",
                    .format = base::DiskFormat::kRaw,
                    .serial = "vol-" + id};
}

// Boots from a volume and has two more.
inline DomainSpec VolumesSpec() {
  DomainSpec spec = KernelSpec();
  spec.kernel.reset();
  spec.disks = {VolumeDisk("00112233445566aa"), VolumeDisk("00112233445566bb"),
                VolumeDisk("00112233445566cc")};
  return spec;
}

// No disk, and text that XML must escape.
inline DomainSpec DisklessSpec() {
  DomainSpec spec = KernelSpec();
  spec.disks.clear();
  spec.kernel->initrd_path.clear();
  spec.kernel->kernel_path = "/var/lib/flatvm/catalog/a'b&c<d>/vmlinuz";
  spec.kernel->cmdline = "a=\"<b>\" c='&amp;' ]]> </cmdline><x/>";
  return spec;
}

}  // namespace flatvm::hypervisor
