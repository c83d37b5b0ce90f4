// flatvmctl without its process: words in, text and an exit code out.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "daemon/ctl/admin_client.h"

namespace flatvm::ctl {

struct Surroundings {
  std::ostream& out;
  std::ostream& err;
  SleepFn sleep;  // between attempts of a call
};

// Does what `args` (without the program's name) say and returns the exit code, as
// daemon/docs/exit-codes.md lists them. Blocks on flatvmd.
int RunCtl(const std::vector<std::string>& args, const Surroundings& surroundings);

}  // namespace flatvm::ctl
