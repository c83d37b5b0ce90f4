// Who calls: from a connection's CID to a tenant. A CID alone is no identity: the live domain must
// be the tenant's primary, running, with that CID, in the boot that is on record.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/types.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

// Thread-safe; calls block on libvirt.
class CallerCheck {
 public:
  CallerCheck(const Ports& ports, Registry& registry) : ports_(ports), registry_(registry) {}

  // The tenant whose running primary has `cid`. When the hypervisor cannot be asked, the tenant is
  // marked unverified and answered all the same: its calls then fail until ConfirmTenant could ask.
  // Errors: PERMISSION_DENIED / kPolicyForbids for everybody else; the text is for the journal.
  absl::StatusOr<std::string> Identify(base::VsockCid cid);

  // To be asked before each call: OK unless the tenant is unverified and stays so.
  // Errors: UNAVAILABLE / kHypervisorUnavailable; PERMISSION_DENIED (its connections are dropped).
  absl::Status ConfirmTenant(const std::string& tenant);

 private:
  absl::Status Verify(const TenantRecord& tenant);

  const Ports& ports_;
  Registry& registry_;
};

}  // namespace flatvm::broker
