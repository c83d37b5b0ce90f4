// flatvmctl without its process: words in, text and an exit code out.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "daemon/check/host.h"
#include "daemon/ctl/admin_client.h"
#include "daemon/ctl/run_image.h"

namespace flatvm::ctl {

struct Surroundings {
  std::ostream& out;
  std::ostream& err;
  SleepFn sleep;                  // between attempts of a call
  ProgressFn progress = nullptr;  // for a person who waits for a copy
  check::Host* host = nullptr;    // what `check` looks at; null: the one that this runs on
};

// Does what `args` (without the program's name) say and returns the exit code, as
// daemon/docs/exit-codes.md lists them. Blocks on flatvmd, or on
// the disk.
int RunCtl(const std::vector<std::string>& args, const Surroundings& surroundings);

}  // namespace flatvm::ctl
