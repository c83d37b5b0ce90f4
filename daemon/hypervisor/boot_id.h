// What tells one run of a domain from every other.
#pragma once

#include <string>

namespace flatvm::hypervisor {

// Where it is read from; tests have their own.
struct BootIdSources {
  std::string kernel_boot_id = "/proc/sys/kernel/random/boot_id";
  std::string qemu_pid_dir = "/run/libvirt/qemu";  // libvirt writes <domain's name>.pid there
  std::string proc = "/proc";
};

// "<boot of the host>:<libvirt's domain id>:<QEMU's pid>:<its start time in clock ticks>". The
// domain id alone rises at every start, and survives a restart of libvirtd while the domain runs;
// but libvirtd counts on from the highest running id when it starts, and so may hand out an id
// again. Process id and start time close that gap. Where libvirt writes no pid file (its test
// driver) both are 0.
std::string ReadBootId(const BootIdSources& sources, const std::string& domain_name, int domain_id);

}  // namespace flatvm::hypervisor
