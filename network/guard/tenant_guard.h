// What keeps tenants apart while the nftables table is not there: programs on their bridges and on
// the uplinks, which no firewall's reload touches. Whose interfaces they are is not known here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "network/guard/bpf.h"
#include "network/guard/programs.h"
#include "network/guard/traffic_control.h"
#include "network/ipv4.h"

namespace flatvm::guard {

// What is put in place stays when this goes, and when flatvmd ends. In the network namespace of the
// calling thread. Thread-compatible; blocks on the kernel. Needs CAP_NET_ADMIN and CAP_BPF. Errors
// of every call: INTERNAL.
class TenantGuard {
 public:
  // `counts_path`: see CountsMap::Open. Touches nothing yet.
  TenantGuard(Pools pools, std::string counts_path)
      : pools_(pools), counts_path_(std::move(counts_path)) {}

  // Guards the bridge of the tenant with these subnets; interfaces are given by index. `ceiling`:
  // of what goes between it and the host or the world; bridges with one `metered_by` share it
  // (nullopt: this bridge's subnet). Idempotent: what is in place already is left alone. Another
  // ceiling takes the place of the one before with no moment between, and what was above that one
  // does not count any more.
  absl::Status EnsureBridge(uint32_t bridge, const Subnets& subnets, const WayOut& way_out,
                            const Ceiling& ceiling = {},
                            const std::optional<network::Ipv4Subnet>& metered_by = std::nullopt);
  // Guards a port by which `machine` sends, on that bridge or, for one that is anywhere, another.
  absl::Status EnsurePort(uint32_t port, const network::Ipv4Subnet& subnet, const Machine& machine);
  // Lets nothing in by a port of it, of which nobody knows whose it is.
  absl::Status ClosePort(uint32_t port, const network::Ipv4Subnet& subnet);
  absl::Status EnsureUplink(uint32_t uplink);
  absl::Status RemoveUplink(uint32_t uplink);

  // Since the tenant's bridge was first guarded. NOT_FOUND if it never was.
  absl::StatusOr<Counts> GetCounts(const network::Ipv4Subnet& subnet);
  absl::Status Forget(const network::Ipv4Subnet& subnet);
  // A machine that is gone: the next with its address begins anew.
  absl::Status ForgetMachine(network::Ipv4Address address);

  // How many programs it has put in place so far.
  uint64_t placed() const { return placed_; }

 private:
  absl::Status Open();
  // `tally`: that of `code`.
  absl::Status Ensure(uint32_t interface, Way way, const std::vector<bpf_insn>& code,
                      const Tally& tally);
  // Takes ours away, and nobody else's.
  absl::Status Remove(uint32_t interface, Way way);

  const Pools pools_;
  const std::string counts_path_;
  std::unique_ptr<CountsMap> counts_;  // from the first use on
  std::unique_ptr<TrafficControl> tc_;
  // What schedules go by, by key and place: one begins anew with another rate, and not with one
  // more port that shares it.
  std::map<std::pair<uint32_t, size_t>, uint64_t> rates_;
  uint64_t placed_ = 0;
};

// A name for a program: the same only for the same code counting in the same map.
std::string ProgramName(const std::vector<bpf_insn>& code, uint32_t map_id);

}  // namespace flatvm::guard
