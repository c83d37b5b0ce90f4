// flatvm-front: everything that touches bytes a guest chose, in a process of its own. The link to
// flatvmd is standard input, which systemd connects.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "daemon/base/log.h"
#include "daemon/base/names.h"
#include "daemon/base/program_link.h"
#include "daemon/base/steps.h"
#include "daemon/base/str_cat.h"
#include "daemon/front/front.h"

int main(int argc, char** argv) {
  using flatvm::base::LogLevel;
  if (argc != 3 || std::string_view(argv[1]) != "--tenant" || !flatvm::base::IsName(argv[2])) {
    std::fputs("usage: flatvm-front --tenant NAME, with the link to flatvmd as standard input\n",
               stderr);
    return 2;
  }
  flatvm::front::SilenceGrpc();
  flatvm::base::StderrLogger log;
  const flatvm::base::RealClock clock;
  const flatvm::base::LogFields fields{.tenant = argv[2]};
  const auto steps = flatvm::base::StepsStoppingAt(std::getenv(flatvm::base::kStopAt),
                                                   flatvm::base::Program::kFront, log);
  if (!steps.ok()) {
    log.Log(LogLevel::kError, flatvm::base::Message(steps.status()), fields);
    return 2;
  }
  flatvm::front::Front front({.tenant = argv[2], .steps = *steps}, flatvm::base::TakeLink(), clock,
                             log);
  const absl::Status status = front.Run();
  if (status.ok()) {
    log.Log(LogLevel::kInfo, "flatvmd closed the link; the front ends", fields);
    return 0;
  }
  log.Log(LogLevel::kError, flatvm::base::StrCat("the front ends: ", flatvm::base::Message(status)),
          fields);
  return 1;
}
