// libvirt's errors as statuses.
#pragma once

#include <libvirt/virterror.h>

#include <string_view>

#include "absl/status/status.h"

namespace flatvm::libvirt {

// The error of the call that just failed in this thread; `what` says what was tried.
// UNAVAILABLE / kHypervisorUnavailable with a public text when libvirtd is out of reach; NOT_FOUND
// without a Reason when libvirt knows no such domain or network; else INTERNAL with `what` and
// libvirt's text, escaped.
absl::Status LastError(std::string_view what);

// The same for an error at hand; null: libvirt gave none.
absl::Status ErrorOf(const virError* error, std::string_view what);

}  // namespace flatvm::libvirt
