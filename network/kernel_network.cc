#include "network/kernel_network.h"

#include <dirent.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/dhcp_release.h"
#include "network/kernel_settings.h"
#include "network/nft_base_ruleset.h"
#include "network/nft_rules.h"
#include "network/tenant_networks.h"
#include "network/uplink.h"

namespace flatvm::network {
namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// As long as there are few networks, they do without.
void MakeRoomForMemberships(base::Logger& log) {
  const absl::StatusOr<bool> raised = EnsureMemberships();
  if (!raised.ok()) {
    log.Log(base::LogLevel::kWarning,
            base::StrCat("hundreds of networks will not get their prefixes: ",
                         base::Message(raised.status())));
  } else if (*raised) {
    log.Log(base::LogLevel::kNotice,
            "net.core.optmem_max was raised: one program advertises the prefixes of all networks");
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> KernelNetwork::Uplinks() {
  FLATVM_ASSIGN_OR_RETURN(std::vector<std::string> uplinks, FindUplinks(uplink_));
  if (uplinks.empty() && has_uplink_) {
    log_.Log(base::LogLevel::kWarning,
             "the host has no default route: tenants reach nothing outside it");
  }
  has_uplink_ = !uplinks.empty();
  return uplinks;
}

absl::Status KernelNetwork::EnsureFilter(const NetworkSpec& spec) {
  const std::lock_guard lock(mutex_);
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> uplinks, Uplinks());
  const Lease* const primary = FindPrimary(spec.leases);
  const TenantRules rules{.subnet = spec.subnet,
                          .mode = spec.mode,
                          .primary = primary == nullptr ? Ipv4Address{} : primary->address,
                          .prefix = spec.prefix};
  // Nobody knows whose those are that an earlier flatvmd left; each tenant adds its own again.
  const std::string forwards = tenants_.empty() ? BuildRemoveAllForwards() : "";
  FLATVM_RETURN_IF_ERROR(nft_.Run(BuildBaseRuleset(uplinks) + forwards + BuildAddTenant(rules)));
  tenants_[BridgeName(spec.subnet)].rules = rules;
  if (filtered_uplinks_) filtered_uplinks_ = uplinks;
  if (spec.prefix) MakeRoomForMemberships(log_);
  return EnsureForwarding();
}

std::vector<uint32_t> KernelNetwork::GuardUplinks(const std::vector<std::string>& uplinks) {
  std::vector<uint32_t> indices;
  for (const std::string& uplink : uplinks) {
    const uint32_t index = ::if_nametoindex(uplink.c_str());
    if (index == 0) continue;
    indices.push_back(index);
    const absl::Status guarded = guard_.EnsureUplink(index);
    if (guarded.ok()) {
      guarded_uplinks_.insert(index);
      unguarded_uplinks_.erase(uplink);
    } else if (unguarded_uplinks_.insert(uplink).second) {
      // Its tenants are translated all the same, as long as the table is there.
      log_.Log(base::LogLevel::kWarning,
               base::StrCat("the uplink ", uplink,
                            " has no guard against private addresses: ", base::Message(guarded)));
    }
  }
  std::erase_if(guarded_uplinks_, [&](uint32_t index) {
    const bool stays = std::find(indices.begin(), indices.end(), index) != indices.end();
    return !stays && guard_.RemoveUplink(index).ok();
  });
  return indices;
}

absl::Status KernelNetwork::RemoveFilter(const Ipv4Subnet& subnet,
                                         const std::optional<Ipv6Prefix>& prefix) {
  const std::lock_guard lock(mutex_);
  // Of one that an earlier flatvmd made, the primary is known to have the first address.
  TenantRules rules{.subnet = subnet, .primary = {subnet.Gateway().value + 1}, .prefix = prefix};
  if (const auto found = tenants_.find(BridgeName(subnet)); found != tenants_.end()) {
    FLATVM_RETURN_IF_ERROR(ports_.Forget(BridgeName(subnet)));
    found->second.wanted.forwards.clear();
    FLATVM_RETURN_IF_ERROR(Forward(found->second));
    rules = found->second.rules;
    tenants_.erase(found);
  }
  if (tenants_.empty()) GuardUplinks({});
  const std::string removal = BuildRemoveTenant(rules) + BuildRemovePortCounters(subnet);
  if (!nft_.Run(removal).ok()) {
    // Ports that an earlier flatvmd bound hold the tenant's counters.
    FLATVM_RETURN_IF_ERROR(ports_.ForgetOthers(subnet));
    FLATVM_RETURN_IF_ERROR(nft_.Run(removal));
  }
  return guard_.Forget(subnet);
}

void KernelNetwork::KnowsAllTenants() {
  const std::lock_guard lock(mutex_);
  others_ = Others::kGo;
  ports_.KnowsAll();
  filtered_uplinks_.reset();
}

void KernelNetwork::Complain(const absl::Status& bridged) {
  const std::string text(base::Message(bridged));
  if (text == complaint_) return;
  complaint_ = text;
  if (bridged.ok()) return;
  log_.Log(base::LogLevel::kWarning,
           base::StrCat("secondaries on a bridge of the host's are shut off: ", text));
}

// With hundreds of tenants it is a lot of work, for the kernel and for whoever watches nftables.
absl::Status KernelNetwork::RestoreTables(const std::vector<std::string>& uplinks, Tables which) {
  const bool changed = nft_.TakeOthersChanges() || filtered_uplinks_ != uplinks;
  if (which == Tables::kIfChanged && !changed) return absl::OkStatus();
  filtered_uplinks_.reset();
  std::vector<TenantRules> rules;
  for (const auto& [bridge, tenant] : tenants_) rules.push_back(tenant.rules);
  // A set of our name but of another kind, for one, stands in the way of the first.
  absl::Status first = nft_.Run(BuildRestore(uplinks, rules, others_));
  if (!first.ok()) first = nft_.Run(BuildAnew(uplinks, rules));
  // What fails for one, such as a tenant whose bridge is about to go, is no other's loss.
  first.Update(ports_.Restore());
  first.Update(ForwardAll());
  if (first.ok()) filtered_uplinks_ = uplinks;
  return first;
}

absl::StatusOr<size_t> KernelNetwork::RestoreFilter(Tables tables) {
  const absl::Status bridged = bridges_.Restore();
  const std::lock_guard lock(mutex_);
  Complain(bridged);
  if (tenants_.empty()) return size_t{0};
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> uplinks, Uplinks());
  absl::Status first = RestoreTables(uplinks, tables);
  const std::set<uint32_t> known = guarded_uplinks_;
  const std::vector<uint32_t> indices = GuardUplinks(uplinks);
  replaced_ = 0;
  for (auto& [bridge, tenant] : tenants_) first.Update(GuardTenant(tenant, indices));
  // With other uplinks all of them are others.
  if (replaced_ > 0 && guarded_uplinks_ == known) {
    log_.Log(base::LogLevel::kWarning, base::StrCat("somebody took away or changed ", replaced_,
                                                    replaced_ == 1 ? " program" : " programs",
                                                    " of the tenants' guard; it was put back"));
  }
  first.Update(EnsureForwarding());
  FLATVM_RETURN_IF_ERROR(first);
  return tenants_.size();
}

absl::StatusOr<Traffic> KernelNetwork::GetTraffic(const Ipv4Subnet& subnet) {
  const std::lock_guard lock(mutex_);
  FLATVM_ASSIGN_OR_RETURN(const guard::Counts counts, guard_.GetCounts(subnet));
  Traffic traffic{.accepted = counts.accepted,
                  .spoofed = counts.spoofed,
                  .refused = counts.refused,
                  .exceeded = {.out = counts.exceeded_out,
                               .in = counts.exceeded_in,
                               .vm_out = counts.exceeded_vm_out,
                               .vm_in = counts.exceeded_vm_in}};
  // It may be gone for the moment.
  if (const absl::StatusOr<std::string> listing = nft_.Ask(BuildListCounters(subnet));
      listing.ok()) {
    const Traffic table = ParseCounters(*listing, subnet);
    traffic.spoofed += table.spoofed;
    traffic.refused += table.refused;
  }
  if (const absl::StatusOr<std::string> listing = nft_.Ask(BuildListPortCounters(subnet));
      listing.ok()) {
    const Traffic ports = ParseCounters(*listing, subnet);
    traffic.spoofed += ports.spoofed;
    traffic.refused += ports.refused;
  }
  return traffic;
}

// Not by a socket: flatvmd's unit has it without those of IPv6.
bool KernelNetwork::HasIpv6() { return ::access(ipv6_settings_.c_str(), F_OK) == 0; }

absl::StatusOr<uint32_t> KernelNetwork::GetUplinkMtu() {
  const std::lock_guard lock(mutex_);
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> uplinks, Uplinks());
  return LeastMtu(uplinks);
}

absl::StatusOr<BridgeState> KernelNetwork::GetBridgeState(const std::string& bridge) {
  FLATVM_RETURN_IF_ERROR(CheckInterfaceName("bridge", bridge));
  if (::if_nametoindex(bridge.c_str()) == 0) return BridgeState::kAbsent;
  const std::unique_ptr<DIR, DirectoryCloser> ports(
      ::opendir(base::StrCat("/sys/class/net/", bridge, "/brif").c_str()));
  if (ports == nullptr) return base::ErrnoError(errno, "listing the ports of a tenant's bridge");
  while (const dirent* entry = ::readdir(ports.get())) {
    if (entry->d_name[0] != '.') return BridgeState::kInUse;
  }
  return BridgeState::kFree;
}

absl::Status KernelNetwork::ReleaseLease(const std::string& bridge, Ipv4Address gateway,
                                         const Lease& lease) {
  const absl::Status sent = SendDhcpRelease(bridge, lease, gateway);
  return ::if_nametoindex(bridge.c_str()) == 0 ? absl::OkStatus() : sent;
}

}  // namespace flatvm::network
