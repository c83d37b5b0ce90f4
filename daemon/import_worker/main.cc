// flatvm-import: writes one image that a tenant sends, for flatvmd, in a process of its own, so
// that the kernel counts it as the tenant's work. The link to flatvmd is standard input, which
// systemd connects.
#include <chrono>
#include <cstdio>
#include <string_view>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/log.h"
#include "daemon/base/names.h"
#include "daemon/base/program_link.h"
#include "daemon/base/str_cat.h"
#include "daemon/import_worker/job.h"

namespace {

// An import that goes on after that gets another worker.
constexpr std::chrono::seconds kPatience{20};

}  // namespace

int main(int argc, char** argv) {
  using flatvm::base::LogLevel;
  if (argc != 3 || std::string_view(argv[1]) != "--tenant" || !flatvm::base::IsName(argv[2])) {
    std::fputs("usage: flatvm-import --tenant NAME, with the link to flatvmd as standard input\n",
               stderr);
    return 2;
  }
  const absl::Status status = flatvm::import_worker::Job(flatvm::base::TakeLink(), kPatience).Run();
  if (status.ok()) return 0;
  flatvm::base::StderrLogger log;
  log.Log(LogLevel::kError,
          flatvm::base::StrCat("the import worker ends: ", flatvm::base::Message(status)),
          flatvm::base::LogFields{.tenant = argv[2]});
  return 1;
}
