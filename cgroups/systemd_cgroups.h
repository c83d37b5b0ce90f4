// TenantCgroups on systemd's transient slices, over D-Bus; what systemd did is read back from the
// kernel's files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cgroups/tenant_cgroups.h"
#include "daemon/systemd/bus.h"

namespace flatvm::cgroups {

struct SystemdCgroupsSettings {
  std::string cgroup_root = "/sys/fs/cgroup";   // where cgroup v2 is mounted
  std::string storage_dir = "/var/lib/flatvm";  // its disk is what I/O limits are about
  std::string proc_root = "/proc";
  std::string sys_root = "/sys";
  systemd::BusOpener open_bus;  // empty: the system bus
};

// Immutable, hence thread-safe: every call but those that read has a connection of its own, so that
// the stop of one tenant's slice, which may take as long as a QEMU takes to end, holds up no other
// tenant, and a restarted bus needs no care. Opening one takes about a millisecond, a start or stop
// some ten. Those that read go by the slice's path, without systemd.
class SystemdCgroups final : public TenantCgroups {
 public:
  explicit SystemdCgroups(SystemdCgroupsSettings settings);

  // Bugs of the caller's are INTERNAL: a tenant that is not a name, a limit of 0, CPUs that do not
  // rise. So is a limit of I/O where no block device holds `storage_dir`, naming that.
  absl::Status EnsureSlice(const std::string& tenant, const SliceLimits& limits) override;
  absl::Status RemoveSlice(const std::string& tenant) override;
  absl::StatusOr<SliceLimits> ReadLimits(const std::string& tenant) override;
  absl::StatusOr<SliceUsage> ReadUsage(const std::string& tenant) override;
  // INTERNAL also if procfs hides the domain's processes.
  absl::Status ExposeToOomKiller(const std::string& tenant, uint32_t domain_id) override;
  absl::StatusOr<uint64_t> ReadVmMemory(const std::string& tenant, uint32_t domain_id) override;
  absl::StatusOr<std::vector<std::string>> ListTenants() override;

 private:
  const SystemdCgroupsSettings settings_;
};

}  // namespace flatvm::cgroups
