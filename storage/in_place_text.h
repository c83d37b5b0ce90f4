// An InPlacePlan as a line of text, for a record.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/in_place_plan.h"

namespace flatvm::storage {

// "<image bytes>" and for each of the blocks " <host offset>,<image offset>,<length>", decimal.
std::string FormatInPlacePlan(const InPlacePlan& plan);

// The inverse. Errors: INTERNAL for what FormatInPlacePlan did not write. Whether the plan is one
// is FindSteps' to say.
absl::StatusOr<InPlacePlan> ParseInPlacePlan(std::string_view text);

}  // namespace flatvm::storage
