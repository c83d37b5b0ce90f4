// The real OperatorBridges: programs of the guard, the table of ports, and the bridges' own VLAN
// filters.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "network/guard/tenant_guard.h"
#include "network/operator_bridges.h"
#include "network/port_table.h"

namespace flatvm::network {

// In the network namespace of the calling thread. Needs CAP_NET_ADMIN and CAP_BPF.
class KernelBridges final : public OperatorBridges {
 public:
  // By what the ceilings of the machine of that name go: its address on its tenant's first network,
  // which is at `first`.
  using FindMeter =
      std::function<std::optional<Ipv4Address>(const Ipv4Subnet& first, const std::string& name)>;

  // `mutex` guards `guard`, `ports` and what is in here, and is held while `find_meter` is called;
  // they outlive this.
  KernelBridges(guard::TenantGuard& guard, PortTable& ports, std::mutex& mutex,
                FindMeter find_meter)
      : guard_(guard), ports_(ports), mutex_(mutex), find_meter_(std::move(find_meter)) {}

  absl::Status Check(const NetworkSpec& spec) override;
  absl::Status Ensure(const NetworkSpec& spec) override;
  absl::Status Remove(const NetworkId& id) override;
  bool Has(const NetworkId& id) override;
  absl::Status AddMachine(const NetworkId& id, const Lease& machine) override;
  absl::Status RemoveMachine(const NetworkId& id, const Lease& machine) override;
  absl::Status SetCeilings(const NetworkId& id, const Ceilings& ceilings) override;
  std::vector<NetworkId> List() override;

  // Ports of those of `bridges`, by index, that are such, and of those that are others than before:
  // for when some came or went. A machine whose VLAN cannot be had is shut off. The first error,
  // after all were tried.
  absl::Status GuardPorts(const std::set<uint32_t>& bridges);
  // Of all of them.
  absl::Status Restore();

 private:
  struct Network {
    NetworkSpec spec;
    uint32_t bridge = 0;  // its index when it was looked at last; 0: it was not there
  };

  // With mutex_ held.
  absl::Status Guard(Network& network);
  absl::Status GuardUsed(Network& network);
  // A port of it, of a network that is usable.
  absl::Status GuardPort(uint32_t port, const Lease& machine, const NetworkSpec& spec);

  guard::TenantGuard& guard_;
  PortTable& ports_;
  std::mutex& mutex_;
  const FindMeter find_meter_;
  std::map<NetworkId, Network> networks_;  // guarded by mutex_
};

}  // namespace flatvm::network
