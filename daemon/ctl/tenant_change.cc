#include "daemon/ctl/tenant_change.h"

#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/size_text.h"
#include "daemon/ctl/option_values.h"

namespace flatvm::ctl {
namespace {

using base::FieldError;
using base::Reason;

constexpr const char* kMinimumOption = "--primary-min-memory";

// Reads `word`, if there is one, with `parse` into `value`.
template <typename T, typename Parse>
absl::Status ReadWord(const char* option, const std::optional<std::string>& word, Parse parse,
                      std::optional<T>* value) {
  if (!word.has_value()) return absl::OkStatus();
  FLATVM_ASSIGN_OR_RETURN(*value, parse(option, *word));
  return absl::OkStatus();
}

absl::StatusOr<v1::ResourcesChange> ParseResourcesChange(const LimitWords& words) {
  std::optional<uint32_t> memory_mib;
  std::optional<uint32_t> vcpus;
  std::optional<uint32_t> vms;
  std::optional<uint32_t> disk_mib;
  FLATVM_RETURN_IF_ERROR(ReadWord("--memory", words.memory, base::ParseSizeMib, &memory_mib));
  FLATVM_RETURN_IF_ERROR(ReadWord("--vcpus", words.vcpus, ParseCount, &vcpus));
  FLATVM_RETURN_IF_ERROR(ReadWord("--vms", words.vms, ParseCount, &vms));
  FLATVM_RETURN_IF_ERROR(ReadWord("--disk", words.disk, base::ParseSizeMib, &disk_mib));
  v1::ResourcesChange change;
  if (memory_mib.has_value()) change.set_memory_mib(*memory_mib);
  if (vcpus.has_value()) change.set_vcpus(*vcpus);
  if (vms.has_value()) change.set_vms(*vms);
  if (disk_mib.has_value()) change.set_disk_mib(*disk_mib);
  return change;
}

bool NamesSome(const IoLimitsChange& change) { return change != IoLimitsChange(); }

bool NamesAll(const IoLimitsChange& change) {
  return change.read_bytes.has_value() && change.write_bytes.has_value() &&
         change.read_operations.has_value() && change.write_operations.has_value();
}

bool NamesSome(const CarveChange& change) { return change != CarveChange(); }

bool NamesAll(const CarveChange& change) {
  return change.mode == v1::CARVE_RESERVED ||
         (change.mode.has_value() && change.primary_min_memory_mib.has_value());
}

}  // namespace

absl::StatusOr<IoLimitsChange> ParseIoLimitsChange(const LimitWords& words) {
  IoLimitsChange change;
  FLATVM_RETURN_IF_ERROR(ReadWord("--read-bps", words.read_bps, ParseByteRate, &change.read_bytes));
  FLATVM_RETURN_IF_ERROR(
      ReadWord("--write-bps", words.write_bps, ParseByteRate, &change.write_bytes));
  FLATVM_RETURN_IF_ERROR(
      ReadWord("--read-iops", words.read_iops, ParseOperationRate, &change.read_operations));
  FLATVM_RETURN_IF_ERROR(
      ReadWord("--write-iops", words.write_iops, ParseOperationRate, &change.write_operations));
  return change;
}

absl::StatusOr<v1::NetworkLimitsChange> ParseNetworkLimitsChange(const LimitWords& words) {
  std::optional<uint64_t> out;
  std::optional<uint64_t> in;
  std::optional<uint64_t> vm_out;
  std::optional<uint64_t> vm_in;
  FLATVM_RETURN_IF_ERROR(ReadWord("--net-out-bps", words.net_out_bps, ParseByteRate, &out));
  FLATVM_RETURN_IF_ERROR(ReadWord("--net-in-bps", words.net_in_bps, ParseByteRate, &in));
  FLATVM_RETURN_IF_ERROR(
      ReadWord("--vm-net-out-bps", words.vm_net_out_bps, ParseByteRate, &vm_out));
  FLATVM_RETURN_IF_ERROR(ReadWord("--vm-net-in-bps", words.vm_net_in_bps, ParseByteRate, &vm_in));
  v1::NetworkLimitsChange change;
  if (out.has_value()) change.set_out_bytes(*out);
  if (in.has_value()) change.set_in_bytes(*in);
  if (vm_out.has_value()) change.set_vm_out_bytes(*vm_out);
  if (vm_in.has_value()) change.set_vm_in_bytes(*vm_in);
  return change;
}

absl::StatusOr<CarveChange> ParseCarveChange(const LimitWords& words) {
  CarveChange change;
  FLATVM_RETURN_IF_ERROR(ReadWord("--carve", words.carve, ParseCarveMode, &change.mode));
  FLATVM_RETURN_IF_ERROR(ReadWord(kMinimumOption, words.primary_min_memory, base::ParseSizeMib,
                                  &change.primary_min_memory_mib));
  if (change.mode == v1::CARVE_RESERVED) {
    FLATVM_RETURN_IF_ERROR(ApplyChange(change, v1::Carve()).status());
  }
  return change;
}

v1::IoLimits ApplyChange(const IoLimitsChange& change, const v1::IoLimits& now) {
  v1::IoLimits limits;
  limits.set_read_bytes(change.read_bytes.value_or(now.read_bytes()));
  limits.set_write_bytes(change.write_bytes.value_or(now.write_bytes()));
  limits.set_read_operations(change.read_operations.value_or(now.read_operations()));
  limits.set_write_operations(change.write_operations.value_or(now.write_operations()));
  return limits;
}

absl::StatusOr<v1::Carve> ApplyChange(const CarveChange& change, const v1::Carve& now) {
  v1::Carve carve;
  const v1::CarveMode mode = change.mode.value_or(now.mode());
  carve.set_mode(mode == v1::CARVE_MODE_UNSPECIFIED ? v1::CARVE_RESERVED : mode);
  if (carve.mode() == v1::CARVE_RESERVED) {
    if (!change.primary_min_memory_mib.has_value()) return carve;
    return FieldError(Reason::kFieldMalformed, kMinimumOption,
                      "means nothing without --carve balloon");
  }
  carve.set_primary_min_memory_mib(
      change.primary_min_memory_mib.value_or(now.primary_min_memory_mib()));
  if (change.primary_min_memory_mib.has_value() || carve.primary_min_memory_mib() > 0) return carve;
  return FieldError(Reason::kFieldMissing, kMinimumOption, "is required with --carve balloon");
}

absl::StatusOr<TenantChange> ParseTenantChange(const Words& words) {
  if (words.limits == LimitWords()) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, Reason::kFieldMissing,
                           "a change is required, such as --memory; see flatvmctl --help");
  }
  TenantChange change;
  change.request.set_name(words.tenant_name);
  change.request.set_force(words.force);
  change.request.set_validate_only(words.validate_only);
  FLATVM_ASSIGN_OR_RETURN(v1::ResourcesChange limits, ParseResourcesChange(words.limits));
  if (limits.ByteSizeLong() > 0) *change.request.mutable_limits() = limits;
  if (words.limits.cpus.has_value()) {
    FLATVM_ASSIGN_OR_RETURN(const std::string cpus, ParseCpus("--cpus", *words.limits.cpus));
    change.request.set_cpus(cpus);
  }
  if (words.limits.network.has_value()) {
    FLATVM_ASSIGN_OR_RETURN(const v1::NetworkMode mode,
                            ParseNetworkMode("--network", *words.limits.network));
    change.request.set_network_mode(mode);
  }
  if (words.limits.forward.has_value()) {
    FLATVM_ASSIGN_OR_RETURN(const std::vector<v1::PortForward> forwards,
                            ParseForwards("--forward", *words.limits.forward));
    change.request.mutable_forwards()->mutable_forwards()->Assign(forwards.begin(), forwards.end());
  }
  FLATVM_ASSIGN_OR_RETURN(const v1::NetworkLimitsChange net,
                          ParseNetworkLimitsChange(words.limits));
  if (net.ByteSizeLong() > 0) *change.request.mutable_net() = net;
  FLATVM_ASSIGN_OR_RETURN(change.io, ParseIoLimitsChange(words.limits));
  FLATVM_ASSIGN_OR_RETURN(change.carve, ParseCarveChange(words.limits));
  return change;
}

bool NeedsTenant(const TenantChange& change) {
  return (NamesSome(change.io) && !NamesAll(change.io)) ||
         (NamesSome(change.carve) && !NamesAll(change.carve));
}

absl::StatusOr<v1::UpdateTenantRequest> BuildUpdate(const TenantChange& change,
                                                    const v1::Tenant& now) {
  v1::UpdateTenantRequest request = change.request;
  if (NamesSome(change.io)) *request.mutable_io() = ApplyChange(change.io, now.io());
  if (NamesSome(change.carve)) {
    FLATVM_ASSIGN_OR_RETURN(*request.mutable_carve(), ApplyChange(change.carve, now.carve()));
  }
  return request;
}

}  // namespace flatvm::ctl
