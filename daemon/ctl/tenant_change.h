// `flatvmctl tenant set`: a change of some of a tenant's limits or of its network, and the request
// that it becomes where the protocol takes several of them only together.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "daemon/ctl/grammar.h"
#include "flatvm/v1/admin.pb.h"

namespace flatvm::ctl {

// Absent: as it is. 0: no limit. Units are v1::IoLimits'.
struct IoLimitsChange {
  std::optional<uint64_t> read_bytes;
  std::optional<uint64_t> write_bytes;
  std::optional<uint64_t> read_operations;
  std::optional<uint64_t> write_operations;

  bool operator==(const IoLimitsChange&) const = default;
};

// Absent: as it is.
struct CarveChange {
  std::optional<v1::CarveMode> mode;
  std::optional<uint32_t> primary_min_memory_mib;

  bool operator==(const CarveChange&) const = default;
};

// Errors: INVALID_ARGUMENT naming the option.
absl::StatusOr<IoLimitsChange> ParseIoLimitsChange(const LimitWords& words);

// Errors: INVALID_ARGUMENT naming the option.
absl::StatusOr<v1::NetworkLimitsChange> ParseNetworkLimitsChange(const LimitWords& words);

// A minimum beside mode reserved is an error. Errors: INVALID_ARGUMENT naming the option.
absl::StatusOr<CarveChange> ParseCarveChange(const LimitWords& words);

// What a tenant would have after the change, when it has `now`.
v1::IoLimits ApplyChange(const IoLimitsChange& change, const v1::IoLimits& now);

// The same. The minimum goes with mode balloon. Errors: INVALID_ARGUMENT naming
// --primary-min-memory if it would be missing there, or would be given to mode reserved.
absl::StatusOr<v1::Carve> ApplyChange(const CarveChange& change, const v1::Carve& now);

struct TenantChange {
  v1::UpdateTenantRequest request;  // all but io and carve; no request_id
  IoLimitsChange io;
  CarveChange carve;
};

// Errors: INVALID_ARGUMENT naming the option; kFieldMissing if nothing is to be changed.
absl::StatusOr<TenantChange> ParseTenantChange(const Words& words);

// True if what the tenant has now has to be known, as the change names only a part of what goes
// together.
bool NeedsTenant(const TenantChange& change);

// The whole request. `now` is not looked at unless NeedsTenant. Errors: as ApplyChange.
absl::StatusOr<v1::UpdateTenantRequest> BuildUpdate(const TenantChange& change,
                                                    const v1::Tenant& now);

}  // namespace flatvm::ctl
