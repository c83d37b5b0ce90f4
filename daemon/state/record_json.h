// Records as JSON text. Pure; what the fields mean stands in broker/records.h.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/broker/records.h"

namespace flatvm::state {

// Number that every record carries; a record of another number is refused, not guessed at.
constexpr uint32_t kRecordVersion = 1;

std::string FormatTenant(const broker::TenantRecord& record);
std::string FormatVm(const broker::VmRecord& record);

// Errors: INTERNAL naming the field and what is wrong with it. Never throws, whatever the text.
absl::StatusOr<broker::TenantRecord> ParseTenant(std::string_view text);
absl::StatusOr<broker::VmRecord> ParseVm(std::string_view text);

std::string FormatNextCid(uint32_t next_cid);
absl::StatusOr<uint32_t> ParseNextCid(std::string_view text);

}  // namespace flatvm::state
