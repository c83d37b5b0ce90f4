#include "daemon/libvirt/connection.h"

#include <libvirt/virterror.h>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/libvirt/errors.h"

namespace flatvm::libvirt {
namespace {

// A libvirtd that does not answer pings for 15 s is taken for dead, so that no call hangs for ever.
constexpr int kKeepaliveIntervalS = 5;
constexpr unsigned kKeepaliveCount = 3;

// libvirt writes every error to standard error unless told otherwise; callers log what matters.
void Ignore(void* /*data*/, virErrorPtr /*error*/) {}

}  // namespace

absl::StatusOr<ConnectPtr> Connection::Get() {
  const std::lock_guard lock(mutex_);
  if (connect_ != nullptr && virConnectIsAlive(connect_.get()) == 1) return connect_;
  static std::once_flag silenced;
  std::call_once(silenced, [] { virSetErrorFunc(nullptr, &Ignore); });
  connect_.reset();  // now, as closing it would wipe out what virConnectOpen has to say
  connect_ = ConnectPtr(virConnectOpen(uri_.c_str()), [](virConnect* connect) {
    if (connect != nullptr) virConnectClose(connect);
  });
  if (connect_ == nullptr) {
    LogOutage();
    // Whatever libvirt says, the caller can only wait for it.
    return base::MakeError(absl::StatusCode::kUnavailable, base::Reason::kHypervisorUnavailable,
                           "libvirt on the host cannot be reached");
  }
  outage_logged_ = false;
  // Refused by drivers that need no server, such as the one for tests.
  (void)virConnectSetKeepAlive(connect_.get(), kKeepaliveIntervalS, kKeepaliveCount);
  return connect_;
}

void Connection::LogOutage() {
  if (log_ == nullptr || outage_logged_) return;
  outage_logged_ = true;
  const virError* error = virGetLastError();
  const char* text = error != nullptr && error->message != nullptr ? error->message : "no reason";
  constexpr size_t kMaxText = 500;
  log_->Log(base::LogLevel::kError,
            base::StrCat("libvirt at ", base::EscapeForLog(uri_),
                         " cannot be reached: ", base::EscapeForLog(text, kMaxText)));
}

}  // namespace flatvm::libvirt
