// How flatvmd's programs, fronts and workers, come by the link to it.
#pragma once

#include "daemon/base/unique_fd.h"

namespace flatvm::base {

// Of a program that systemd started with the link as its standard input: a copy of that which no
// child inherits; the original becomes /dev/null. Invalid if there is none.
UniqueFd TakeLink();

}  // namespace flatvm::base
