// flatvm-quota: works on one tenant's quota disk for flatvmd, in a process of its own, as what is
// on the disk is a guest's. The link to flatvmd is standard input, which systemd connects.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/log.h"
#include "daemon/base/names.h"
#include "daemon/base/program_link.h"
#include "daemon/base/steps.h"
#include "daemon/base/str_cat.h"
#include "daemon/quota_worker/job.h"

namespace {

// flatvmd has a shorter deadline for the whole job, and then stops this.
constexpr std::chrono::minutes kTimeout{10};

}  // namespace

int main(int argc, char** argv) {
  using flatvm::base::LogLevel;
  if (argc != 3 || std::string_view(argv[1]) != "--tenant" || !flatvm::base::IsName(argv[2])) {
    std::fputs("usage: flatvm-quota --tenant NAME, with the link to flatvmd as standard input\n",
               stderr);
    return 2;
  }
  flatvm::base::StderrLogger log;
  const auto steps = flatvm::base::StepsStoppingAt(std::getenv(flatvm::base::kStopAt),
                                                   flatvm::base::Program::kQuotaWorker, log);
  if (!steps.ok()) {
    log.Log(LogLevel::kError, flatvm::base::Message(steps.status()));
    return 2;
  }
  flatvm::quota_worker::Job job(flatvm::base::TakeLink(), flatvm::quota_worker::Ext4Tools(kTimeout),
                                kTimeout, *steps);
  const absl::Status status = job.Run();
  if (status.ok()) return 0;
  log.Log(LogLevel::kError,
          flatvm::base::StrCat("the quota worker ends: ", flatvm::base::Message(status)),
          flatvm::base::LogFields{.tenant = argv[2]});
  return 1;
}
