#include "network/guard/tenant_guard.h"

#include <cstddef>
#include <cstdio>
#include <optional>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::guard {
namespace {

using network::Ipv4Subnet;

// Stands for the tenant in the map, as it does in the name of its bridge. Schedules stand for
// themselves: a machine's by its address, the tenant's by its gateway's, which is no machine's.
uint32_t KeyOf(const Ipv4Subnet& subnet) { return subnet.address.value; }
// For what no tenant is known of; no subnet is at that address.
constexpr uint32_t kNobody = 0;

constexpr char kNamePrefix[] = "flatvm-";

// Those of a tenant's ceiling, and of a machine's.
struct Direction {
  uint64_t Ceiling::*rate;
  size_t due;
  size_t exceeded;
  size_t exceeded_vm;
};
constexpr Direction kOut = {&Ceiling::out, offsetof(Counts, due_out),
                            offsetof(Counts, exceeded_out), offsetof(Counts, exceeded_vm_out)};
constexpr Direction kIn = {&Ceiling::in, offsetof(Counts, due_in), offsetof(Counts, exceeded_in),
                           offsetof(Counts, exceeded_vm_in)};

void AddMeter(const Ceiling& ceiling, network::Ipv4Address whose, const Direction& direction,
              size_t exceeded, std::vector<Meter>* meters) {
  if (ceiling.*direction.rate == 0) return;
  meters->push_back({.bytes_per_second = ceiling.*direction.rate,
                     .key = whose.value,
                     .due = direction.due,
                     .exceeded = exceeded});
}

std::vector<Meter> MetersOf(const Ceiling& tenant, const Ipv4Subnet& metered_by,
                            const Direction& direction) {
  std::vector<Meter> meters;
  AddMeter(tenant, metered_by.Gateway(), direction, direction.exceeded, &meters);
  return meters;
}

std::vector<Meter> MetersOf(const Machine& machine, const Ipv4Subnet& subnet,
                            const Direction& direction) {
  std::vector<Meter> meters;
  AddMeter(machine.ceiling, machine.metered_as.value_or(machine.address), direction,
           direction.exceeded_vm, &meters);
  AddMeter(machine.tenant_ceiling, subnet.Gateway(), direction, direction.exceeded, &meters);
  return meters;
}

}  // namespace

std::string ProgramName(const std::vector<bpf_insn>& code, uint32_t map_id) {
  // FNV-1a. Not against attackers: code is flatvm's.
  uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&hash](uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      hash = (hash ^ (value >> (8 * i) & 0xFFU)) * 0x100000001b3U;
    }
  };
  for (const bpf_insn& instruction : code) {
    add(instruction.code, 1);
    add(uint64_t{instruction.dst_reg} << 4U | instruction.src_reg, 1);
    add(static_cast<uint16_t>(instruction.off), 2);
    // The map's descriptor differs from process to process.
    const bool map =
        instruction.code == (BPF_LD | BPF_DW | BPF_IMM) && instruction.src_reg == BPF_PSEUDO_MAP_FD;
    add(map ? map_id : static_cast<uint32_t>(instruction.imm), 4);
  }
  char text[sizeof("0123456789abcdef")];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return base::StrCat(kNamePrefix, text);
}

absl::Status TenantGuard::Open() {
  if (tc_ == nullptr) {
    FLATVM_ASSIGN_OR_RETURN(TrafficControl tc, TrafficControl::Open());
    tc_ = std::make_unique<TrafficControl>(std::move(tc));
  }
  if (counts_ == nullptr) {
    FLATVM_ASSIGN_OR_RETURN(CountsMap counts, CountsMap::Open(counts_path_));
    counts_ = std::make_unique<CountsMap>(std::move(counts));
  }
  return absl::OkStatus();
}

absl::Status TenantGuard::Ensure(uint32_t interface, Way way, const std::vector<bpf_insn>& code,
                                 const Tally& tally) {
  for (const Meter& meter : tally.meters) {
    FLATVM_RETURN_IF_ERROR(counts_->Ensure(meter.key));
  }
  const std::string name = ProgramName(code, counts_->id());
  FLATVM_ASSIGN_OR_RETURN(const std::string found, tc_->FindProgram(interface, way));
  if (found == name) return absl::OkStatus();
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd program, LoadProgram(code));
  FLATVM_RETURN_IF_ERROR(tc_->AttachProgram(interface, way, program.get(), name));
  ++placed_;
  for (const Meter& meter : tally.meters) {
    const auto [rate, added] = rates_.try_emplace({meter.key, meter.due}, meter.bytes_per_second);
    if (added || rate->second == meter.bytes_per_second) continue;
    // Behind a low ceiling the schedule may be seconds ahead, which a higher one would wait for.
    FLATVM_RETURN_IF_ERROR(counts_->Clear(meter.key));
    rate->second = meter.bytes_per_second;
  }
  return absl::OkStatus();
}

absl::Status TenantGuard::Remove(uint32_t interface, Way way) {
  FLATVM_ASSIGN_OR_RETURN(const std::string found, tc_->FindProgram(interface, way));
  return found.starts_with(kNamePrefix) ? tc_->DetachProgram(interface, way) : absl::OkStatus();
}

absl::Status TenantGuard::EnsureBridge(uint32_t bridge, const Subnets& subnets,
                                       const WayOut& way_out, const Ceiling& ceiling,
                                       const std::optional<Ipv4Subnet>& metered_by) {
  FLATVM_RETURN_IF_ERROR(Open());
  const uint32_t key = KeyOf(subnets.ipv4);
  const Ipv4Subnet& meter = metered_by.value_or(subnets.ipv4);
  const Tally sent{.map = counts_->fd(), .key = key, .meters = MetersOf(ceiling, meter, kOut)};
  const Tally gotten{.map = counts_->fd(), .key = key, .meters = MetersOf(ceiling, meter, kIn)};
  FLATVM_RETURN_IF_ERROR(counts_->Ensure(key));
  FLATVM_RETURN_IF_ERROR(tc_->EnsureClsact(bridge));
  FLATVM_RETURN_IF_ERROR(Ensure(bridge, Way::kIn, BuildBridgeIn(subnets, way_out, sent), sent));
  return Ensure(bridge, Way::kOut, BuildBridgeOut(subnets, gotten), gotten);
}

absl::Status TenantGuard::EnsurePort(uint32_t port, const Ipv4Subnet& subnet,
                                     const Machine& machine) {
  FLATVM_RETURN_IF_ERROR(Open());
  const uint32_t key = KeyOf(subnet);
  const Tally sent{.map = counts_->fd(), .key = key, .meters = MetersOf(machine, subnet, kOut)};
  const Tally gotten{.map = counts_->fd(), .key = key, .meters = MetersOf(machine, subnet, kIn)};
  FLATVM_RETURN_IF_ERROR(tc_->EnsureClsact(port));
  FLATVM_RETURN_IF_ERROR(Ensure(port, Way::kIn, BuildPortIn(machine, sent), sent));
  if (gotten.meters.empty()) return Remove(port, Way::kOut);
  return Ensure(port, Way::kOut, BuildPortOut(gotten), gotten);
}

absl::Status TenantGuard::ClosePort(uint32_t port, const Ipv4Subnet& subnet) {
  FLATVM_RETURN_IF_ERROR(Open());
  const Tally tally{.map = counts_->fd(), .key = KeyOf(subnet)};
  FLATVM_RETURN_IF_ERROR(tc_->EnsureClsact(port));
  return Ensure(port, Way::kIn, BuildClosedPort(tally), tally);
}

absl::Status TenantGuard::EnsureUplink(uint32_t uplink) {
  FLATVM_RETURN_IF_ERROR(Open());
  const Tally tally{.map = counts_->fd(), .key = kNobody};
  FLATVM_RETURN_IF_ERROR(counts_->Ensure(tally.key));
  FLATVM_RETURN_IF_ERROR(tc_->EnsureClsact(uplink));
  return Ensure(uplink, Way::kOut, BuildUplinkOut(pools_, tally), tally);
}

absl::Status TenantGuard::RemoveUplink(uint32_t uplink) {
  FLATVM_RETURN_IF_ERROR(Open());
  return tc_->DetachProgram(uplink, Way::kOut);
}

absl::StatusOr<Counts> TenantGuard::GetCounts(const Ipv4Subnet& subnet) {
  FLATVM_RETURN_IF_ERROR(Open());
  return counts_->Get(KeyOf(subnet));
}

absl::Status TenantGuard::Forget(const Ipv4Subnet& subnet) {
  FLATVM_RETURN_IF_ERROR(Open());
  FLATVM_ASSIGN_OR_RETURN(const std::vector<uint32_t> keys, counts_->ListKeys());
  for (const uint32_t key : keys) {
    if (subnet.Contains({key})) FLATVM_RETURN_IF_ERROR(counts_->Remove(key));
  }
  std::erase_if(rates_, [&](const auto& rate) { return subnet.Contains({rate.first.first}); });
  return absl::OkStatus();
}

absl::Status TenantGuard::ForgetMachine(network::Ipv4Address address) {
  FLATVM_RETURN_IF_ERROR(Open());
  return counts_->Remove(address.value);
}

}  // namespace flatvm::guard
