// A change of a tenant's limits, and of its network, while it runs: what it would mean, and
// carrying it out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/carver.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"
#include "daemon/broker/vm_lifecycle.h"

namespace flatvm::broker {

enum class Overuse { kRefuse, kForce };

// Bytes a second; 0: no ceiling. What is not named stays as it is.
struct CeilingsChange {
  std::optional<uint64_t> out;
  std::optional<uint64_t> in;
  std::optional<uint64_t> vm_out;
  std::optional<uint64_t> vm_in;
};

// What is not named stays as it is.
struct UpdateTenantOrder {
  std::string name;
  std::string request_id;
  Mode mode = Mode::kExecute;
  Overuse overuse = Overuse::kRefuse;  // a limit below what is in use
  std::optional<uint32_t> memory_mib;
  std::optional<uint32_t> vcpus;
  std::optional<uint32_t> vms;
  std::optional<uint32_t> disk_mib;
  std::optional<cgroups::IoLimits> io;
  std::optional<std::vector<uint32_t>> cpus;  // rising; empty: all
  std::optional<Carve> carve;
  std::optional<network::NetworkMode> network_mode;  // another: nobody may be on the network
  std::optional<std::vector<network::PortForward>> forwards;
  CeilingsChange ceilings;
};

struct UpdateTenantResult {
  TenantRecord tenant;  // as it is now, or would be
  Resources used;       // counted by the new limits
  Resources left;
  PrimaryGrant grant;
  std::vector<Excess> excess;  // what does not fit
};

// Thread-safe; calls block on libvirt, systemd and the disk.
class TenantUpdates {
 public:
  TenantUpdates(const Settings& settings, const Ports& ports, Registry& registry, Carver& carver)
      : settings_(settings), ports_(ports), registry_(registry), carver_(carver) {}

  // At no moment of it does admission, the kernel or the primary's share allow more than the
  // greater of the old and the new limits: what becomes less holds before the kernel's limits fall,
  // what becomes more holds after they rose. Secondaries go on meanwhile, and are made, unless the
  // network becomes another. Either all of it holds afterwards or nothing. Errors:
  // INVALID_ARGUMENT; NOT_FOUND / kTenantNotFound; FAILED_PRECONDITION / kTenantLimitsInUse (the
  // first excess's numbers), kCpusTaken, kPrimaryKeepsMemory, kNetworkInUse, kPortTaken; ABORTED /
  // kChangeInFlight; UNAVAILABLE; INTERNAL.
  absl::StatusOr<UpdateTenantResult> Update(const UpdateTenantOrder& order);

 private:
  class Change;

  const Settings& settings_;
  const Ports& ports_;
  Registry& registry_;
  Carver& carver_;
};

}  // namespace flatvm::broker
