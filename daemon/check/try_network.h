// Tries what tenants' networks are made from.
#pragma once

#include "daemon/check/host.h"

namespace flatvm::check {

// In a network namespace of a thread's own, which goes with it. Needs CAP_SYS_ADMIN and what
// flatvmd's network needs. Blocks.
NetworkFacts TryNetwork();

}  // namespace flatvm::check
