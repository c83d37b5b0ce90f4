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

absl::Status CheckForward(const network::PortForward& forward) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("forwards.machine", forward.machine));
  if (forward.host_port == 0) {
    return FieldError(Reason::kFieldOutOfRange, "forwards.host_port", "must be 1..65535");
  }
  if (forward.port != 0) return absl::OkStatus();
  return FieldError(Reason::kFieldOutOfRange, "forwards.port", "must be 1..65535");
}

}  // namespace

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

}  // namespace flatvm::broker
