// What may go into libvirt's XML: the last check before text becomes a domain.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "daemon/hypervisor/hypervisor.h"
#include "daemon/hypervisor/primary_disks.h"

namespace flatvm::hypervisor {

constexpr size_t kMaxCmdline = 2048;         // the kernel's COMMAND_LINE_SIZE on x86
constexpr uint32_t kMaxPercentOfVcpu = 100;  // its vCPUs cannot use more
constexpr uint32_t kMaxVcpus = 255;  // without an IOMMU an x86 guest cannot address more APICs
constexpr size_t kMaxDisks = 9;      // one to boot from and 8 volumes
constexpr uint32_t kMaxHotplugSlots = 32;  // each is a PCI bus, with windows of its own

// True for six lower-case hexadecimal pairs with colons, unicast.
bool IsMac(std::string_view text);

// Errors: INTERNAL / kInternalError naming the field: everything here was validated or made by the
// caller.
absl::Status CheckDomainSpec(const DomainSpec& spec);
absl::Status CheckAttachment(const PrimaryAttachment& attachment);
absl::Status CheckPrimaryDisk(const PrimaryDisk& disk);

}  // namespace flatvm::hypervisor
