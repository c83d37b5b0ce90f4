#include "daemon/libvirt/errors.h"

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::libvirt {
namespace {

// The remote driver reports a lost or refused connection under several codes, and always in the
// domain of the transport.
bool IsConnectionLost(const virError& error) {
  switch (error.code) {
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_INVALID_CONN:
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_AUTH_UNAVAILABLE:
    case VIR_ERR_RPC:
      return true;
    case VIR_ERR_SYSTEM_ERROR:
    case VIR_ERR_INTERNAL_ERROR:
    case VIR_ERR_OPERATION_FAILED:
      return error.domain == VIR_FROM_RPC || error.domain == VIR_FROM_REMOTE ||
             error.domain == VIR_FROM_STREAMS;
    default:
      return false;
  }
}

}  // namespace

absl::Status LastError(std::string_view what) { return ErrorOf(virGetLastError(), what); }

absl::Status ErrorOf(const virError* error, std::string_view what) {
  if (error == nullptr) return base::InternalError(base::StrCat(what, ": libvirt gave no reason"));
  if (IsConnectionLost(*error)) {
    return base::MakeError(absl::StatusCode::kUnavailable, base::Reason::kHypervisorUnavailable,
                           "libvirt on the host cannot be reached");
  }
  const std::string text = base::StrCat(
      what, ": ", base::EscapeForLog(error->message != nullptr ? error->message : "", 500));
  if (error->code == VIR_ERR_NO_DOMAIN || error->code == VIR_ERR_NO_NETWORK) {
    return absl::NotFoundError(text);
  }
  return base::InternalError(text);
}

}  // namespace flatvm::libvirt
