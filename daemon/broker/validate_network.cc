#include <set>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/validation.h"

namespace flatvm::broker {
namespace {

using base::FieldError;
using base::Reason;
using network::NetworkMode;

constexpr size_t kMaxForwards = 64;

// Bytes a second. Less and a machine could not even boot by it; more is more than any link has, and
// the guard counts whole nanoseconds.
constexpr uint64_t kMinCeiling = uint64_t{64} << 10U;
constexpr uint64_t kMaxCeiling = uint64_t{64} << 30U;

absl::Status CheckForward(const network::PortForward& forward) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("forwards.machine", forward.machine));
  if (forward.host_port == 0) {
    return FieldError(Reason::kFieldOutOfRange, "forwards.host_port", "must be 1..65535");
  }
  if (forward.port != 0) return absl::OkStatus();
  return FieldError(Reason::kFieldOutOfRange, "forwards.port", "must be 1..65535");
}

}  // namespace

absl::Status ValidateNetworkName(std::string_view field, const std::string& name) {
  FLATVM_RETURN_IF_ERROR(base::CheckName(field, name));
  if (name != network::kFirstNetwork) return absl::OkStatus();
  return FieldError(Reason::kFieldMalformed, field,
                    "\"default\" is each tenant's first network, on which all of its machines are");
}

absl::Status ValidateVmNetworks(const std::vector<std::string>& networks) {
  constexpr const char* kField = "spec.networks";
  if (networks.size() > kMaxFurtherNetworks) {
    return FieldError(
        Reason::kFieldOutOfRange, kField,
        base::StrCat("must be ", kMaxFurtherNetworks, " at most, not ", networks.size()));
  }
  std::set<std::string> names;
  for (const std::string& name : networks) {
    FLATVM_RETURN_IF_ERROR(ValidateNetworkName(kField, name));
    if (names.insert(name).second) continue;
    return FieldError(Reason::kFieldMalformed, kField,
                      base::StrCat("names network \"", name, "\" twice: one NIC a network"));
  }
  return absl::OkStatus();
}

absl::Status ValidateFirstMode(NetworkMode mode) {
  if (mode != NetworkMode::kBridge) return absl::OkStatus();
  return FieldError(Reason::kFieldOutOfRange, "network_mode",
                    "must be nat, isolated or via-primary: bridge is of further networks only");
}

absl::Status ValidateNetwork(const NetworkRecord& network) {
  FLATVM_RETURN_IF_ERROR(ValidateNetworkName("name", network.name));
  if (network.mode == NetworkMode::kViaPrimary) {
    return FieldError(Reason::kFieldOutOfRange, "mode",
                      "must be nat, isolated or bridge: the primary is on the tenant's first "
                      "network only");
  }
  if (network.mode == NetworkMode::kBridge) {
    if (network.bridge.empty()) {
      return FieldError(Reason::kFieldMissing, "bridge", "is required with mode bridge");
    }
    return network::CheckBridge(network.bridge, network.vlan);
  }
  if (network.bridge.empty() && network.vlan == 0) return absl::OkStatus();
  return FieldError(Reason::kFieldMalformed, network.bridge.empty() ? "vlan" : "bridge",
                    "goes with mode bridge only");
}

absl::Status ValidateForwards(const std::vector<network::PortForward>& forwards, NetworkMode mode) {
  if (forwards.size() > kMaxForwards) {
    return FieldError(Reason::kFieldOutOfRange, "forwards",
                      base::StrCat("must be ", kMaxForwards, " at most, not ", forwards.size()));
  }
  if (!forwards.empty() && mode == NetworkMode::kIsolated) {
    return FieldError(Reason::kFieldOutOfRange, "forwards",
                      "must be none on an isolated network, which nobody comes to from outside");
  }
  std::set<std::pair<network::Protocol, uint16_t>> host_ports;
  for (const network::PortForward& forward : forwards) {
    FLATVM_RETURN_IF_ERROR(CheckForward(forward));
    if (!host_ports.emplace(forward.protocol, forward.host_port).second) {
      return FieldError(Reason::kFieldOutOfRange, "forwards.host_port",
                        base::StrCat(forward.host_port, " is there twice"));
    }
    if (mode == NetworkMode::kViaPrimary && forward.machine != kPrimaryHostname) {
      return FieldError(Reason::kFieldOutOfRange, "forwards.machine",
                        "must be \"primary\" where all others leave through it: it forwards");
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateCeilings(const network::Ceilings& ceilings) {
  const std::pair<const char*, uint64_t> items[] = {{"net.out_bytes", ceilings.out},
                                                    {"net.in_bytes", ceilings.in},
                                                    {"net.vm_out_bytes", ceilings.vm_out},
                                                    {"net.vm_in_bytes", ceilings.vm_in}};
  for (const auto& [field, value] : items) {
    if (value == 0 || (value >= kMinCeiling && value <= kMaxCeiling)) continue;
    return FieldError(
        Reason::kFieldOutOfRange, field,
        base::StrCat("must be ", kMinCeiling, "..", kMaxCeiling, " a second, not ", value));
  }
  return absl::OkStatus();
}

}  // namespace flatvm::broker
