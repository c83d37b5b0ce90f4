// `flatvmctl check` carried out: on the host itself, with flatvmd asked only for its tenants'
// limits.
#pragma once

#include <ostream>

#include "absl/status/status.h"
#include "daemon/check/host.h"
#include "daemon/ctl/admin_client.h"
#include "daemon/ctl/command_line.h"

namespace flatvm::ctl {

struct CheckSurroundings {
  OutputFormat format;
  std::ostream& out;
  AdminClient& client;
  check::Host& host;
};

// Prints the answer to `out`. Errors: PERMISSION_DENIED / kPolicyForbids, and nothing printed, for
// anybody but root; FAILED_PRECONDITION / kHostUnfit after an answer with failed items; those of
// LoadConfigOption. Blocks on flatvmd, libvirt and the disk.
absl::Status RunCheck(const CheckCommand& command, const CheckSurroundings& surroundings);

}  // namespace flatvm::ctl
