#include "daemon/base/program_link.h"

#include <fcntl.h>
#include <unistd.h>

namespace flatvm::base {

UniqueFd TakeLink() {
  UniqueFd link(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (null.valid()) ::dup2(null.get(), STDIN_FILENO);
  return link;
}

}  // namespace flatvm::base
