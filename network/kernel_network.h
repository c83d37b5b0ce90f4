// The host's own kernel: nftables, the guard below it, IPv4 forwarding, bridges, and DHCP releases.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/log.h"
#include "network/guard/tenant_guard.h"
#include "network/host_network.h"
#include "network/host_ports.h"
#include "network/kernel_bridges.h"
#include "network/nft_forwards.h"
#include "network/nft_rules.h"
#include "network/nft_table.h"
#include "network/port_table.h"

namespace flatvm::network {

struct KernelNetworkSettings {
  std::string uplink = "auto";  // an interface, or "auto" for the default routes', found out anew
                                // by every change
  Ipv4Subnet pool;              // of all tenants' subnets
  std::optional<Ipv6Pool> pool6 = std::nullopt;
  std::string counts_path = "/sys/fs/bpf/flatvm/counts";  // see guard::CountsMap
  // Not there in a kernel without IPv6, or with ipv6.disable=1 on its command line.
  std::string ipv6_settings = "/proc/sys/net/ipv6";
};

// Acts in the network namespace of the calling thread. Remembers the tenants whose filter was
// ensured, and their machines, to restore it by. Needs CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and a
// writable /proc/sys.
class KernelNetwork final : public HostNetwork {
 public:
  KernelNetwork(const KernelNetworkSettings& settings, base::Logger& log)
      : uplink_(settings.uplink),
        log_(log),
        ipv6_settings_(settings.ipv6_settings),
        guard_({.ipv4 = settings.pool, .ipv6 = settings.pool6}, settings.counts_path) {}

  absl::Status EnsureFilter(const NetworkSpec& spec) override;
  absl::Status EnsureGuard(const NetworkSpec& spec) override;
  absl::Status AddMachine(const std::string& bridge, const Lease& machine) override;
  absl::Status RemoveMachine(const std::string& bridge, const Lease& machine) override;
  absl::Status SetRules(const Ipv4Subnet& subnet, const NetworkRules& rules) override;
  absl::StatusOr<HostPorts> ListHostPorts() override { return ListListeningPorts(); }
  absl::Status RemoveFilter(const Ipv4Subnet& subnet,
                            const std::optional<Ipv6Prefix>& prefix) override;
  // What the guard and the table counted. The table's part begins at 0 when somebody deleted it.
  absl::StatusOr<Traffic> GetTraffic(const Ipv4Subnet& subnet) override;
  bool HasIpv6() override;
  absl::StatusOr<uint32_t> GetUplinkMtu() override;
  absl::StatusOr<BridgeState> GetBridgeState(const std::string& bridge) override;
  absl::Status ReleaseLease(const std::string& bridge, Ipv4Address gateway,
                            const Lease& lease) override;

  enum class Tables { kAnyway, kIfChanged };

  // Makes the whole filter what it was, in one transaction, and the guards: for when somebody else
  // changed them, of which the guards' is logged, or the uplinks did. With kIfChanged the tables
  // are left alone if nobody else has changed nftables since, nor the uplinks. The number of
  // tenants that it is for; with none it touches nothing. Errors: INTERNAL, the first of them: what
  // does not fail is done all the same.
  absl::StatusOr<size_t> RestoreFilter(Tables tables = Tables::kAnyway);

  // From here on every tenant there is has its filter: what the tables have of others is nobody's.
  void KnowsAllTenants();

  // Guards the ports of those of `bridges`, by index, that are tenants'; for when some came or
  // went. Errors: INTERNAL, as above.
  absl::Status GuardPorts(const std::set<uint32_t>& bridges);

  // Machines' ports on bridges that are not flatvm's; guarded and restored with the others.
  OperatorBridges& bridges() { return bridges_; }

 private:
  struct Tenant {
    TenantRules rules;
    bool guarded = false;  // its bridge was there, and its machines are known
    std::vector<Lease> machines;
    std::set<uint32_t> ports;  // that are guarded, by index
    NetworkRules wanted;
    std::optional<Ipv4Subnet> metered_by;  // as in NetworkSpec
    std::set<ForwardBinding> forwarded;    // in the table: those whose machines are there
  };

  // With mutex_ held. Errors: INTERNAL. That there is none any more is logged.
  absl::StatusOr<std::vector<std::string>> Uplinks();
  // Their indices, of those that are there, with their guards in place; others' are taken away.
  std::vector<uint32_t> GuardUplinks(const std::vector<std::string>& uplinks);
  // Bridge and ports, if the bridge is there and the machines are known.
  absl::Status GuardTenant(Tenant& tenant, const std::vector<uint32_t>& uplinks);
  absl::Status GuardPortsOf(Tenant& tenant, uint32_t bridge);
  guard::Machine GuardedAs(const Lease& machine, const Tenant& tenant) const;
  // By what a machine's ceilings go on all its networks: its address on the first of them.
  std::optional<Ipv4Address> FindMeter(const Ipv4Subnet& first, const std::string& hostname) const;
  // Of machines on operators' bridges: once, until it is another complaint, or none.
  void Complain(const absl::Status& bridged);
  // Brings the table of the host's ports in line, which may have been flushed.
  absl::Status Forward(Tenant& tenant);
  absl::Status ForwardAll();
  // The tables, with these uplinks.
  absl::Status RestoreTables(const std::vector<std::string>& uplinks, Tables which);

  const std::string uplink_;
  base::Logger& log_;
  const std::string ipv6_settings_;
  NftTable nft_;
  std::mutex mutex_;  // guards what is below, and is held while the kernel acts on it
  guard::TenantGuard guard_;
  PortTable ports_{nft_};
  Others others_ = Others::kStay;
  std::map<std::string, Tenant> tenants_;  // those with a filter, by bridge
  bool has_uplink_ = true;                 // when it was looked for last
  // Those in the tables, when all of these were made what they are to be.
  std::optional<std::vector<std::string>> filtered_uplinks_;
  std::set<uint32_t> guarded_uplinks_;  // by index
  uint64_t replaced_ = 0;  // programs on bridges, and on ports that were known, that were others
  std::set<std::string> unguarded_uplinks_;  // those that were complained of
  std::string complaint_;                    // of bridges; empty: none
  // Locks mutex_ itself.
  KernelBridges bridges_{guard_, ports_, mutex_,
                         [this](const Ipv4Subnet& first, const std::string& hostname) {
                           return FindMeter(first, hostname);
                         }};
};

}  // namespace flatvm::network
