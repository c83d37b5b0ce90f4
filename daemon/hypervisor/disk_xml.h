// A virtio disk as libvirt's XML: what the disks of secondaries and of primaries have in common.
// Pure.
#pragma once

#include <cstddef>
#include <string>

#include "daemon/hypervisor/hypervisor.h"

namespace pugi {
class xml_node;
}

namespace flatvm::hypervisor {

// libvirt's name for the `index`th virtio disk, from 0: "vda" … "vdz", "vdaa" …
std::string DiskTarget(size_t index);

// Appends `disk`, whose fields have been checked (spec_check.h), to `devices`. Cache and discard
// are as domain_xml.h has them. Its chain of images is given to its end, so that nothing is read
// out of an image's header, which a guest may have written.
pugi::xml_node AppendDisk(pugi::xml_node devices, const DomainDisk& disk,
                          const std::string& target);

}  // namespace flatvm::hypervisor
