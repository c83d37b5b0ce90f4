// A secondary as libvirt XML. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/hypervisor/hypervisor.h"

namespace flatvm::hypervisor {

enum class Virtualization {
  kKvm,
  kTcg,         // emulated: where there is no KVM
  kTestDriver,  // libvirt's test:///, which knows only its own machine
};

// A q35 machine with virtio disks, NICs, balloon, rng and vsock, a serial console that goes to a
// file, and nothing else: no USB, graphics, sound, no boot ROM of a NIC. Every field is checked
// (spec_check.h) and set through an XML tree. Errors: INTERNAL naming the field.
//
// Disk cache "none" (O_DIRECT): each request is its secondary's own, and io.max holds from the
// first on. Through the page cache the first tens of megabytes of a new disk went out uncounted:
// the kernel charges what it writes back to the cgroup that owns the file, which takes it seconds
// to learn (daemon/docs/adr/0006). The price: an image's pages are not shared by its layers.
//
// Ownership: libvirt gives the disk to QEMU's user while the domain runs and takes it back. For the
// backing file that is forbidden (<seclabel relabel='no'/>): libvirt would change its owner at the
// first start and never put it back. It must be readable for QEMU's user. For kernel and initrd
// libvirt has no such switch: their owner changes while they are in use, unless they lie on a
// read-only mount, which libvirt passes over.
absl::StatusOr<std::string> BuildDomainXml(const DomainSpec& spec, Virtualization virtualization);

}  // namespace flatvm::hypervisor
