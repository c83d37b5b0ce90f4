// The tenant for people. Whatever the host sent is escaped, so that it cannot steer a terminal.
#pragma once

#include <string>

#include "flatvm/tenant.h"

namespace flatvm::cli {

// Names and values, a line each; the table of limit, used and left; what is limited otherwise; and
// the usage, if it is told.
std::string TenantDetails(const Tenant& tenant);

}  // namespace flatvm::cli
