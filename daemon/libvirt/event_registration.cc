#include "daemon/libvirt/event_registration.h"

#include <utility>

#include "daemon/base/error.h"
#include "daemon/libvirt/errors.h"

namespace flatvm::libvirt {
namespace {

void DeleteShare(void* share) { delete static_cast<std::shared_ptr<void>*>(share); }

}  // namespace

EventRegistration::EventRegistration(Connection& connection, int event_id,
                                     virConnectDomainEventGenericCallback callback,
                                     std::shared_ptr<void> receiver)
    : connection_(connection),
      event_id_(event_id),
      callback_(callback),
      receiver_(std::move(receiver)) {}

EventRegistration::~EventRegistration() {
  const std::lock_guard lock(mutex_);
  Deregister();
}

void EventRegistration::Deregister() {
  if (registered_with_ == nullptr) return;
  // Fails on a connection that broke; then there is nothing to take back.
  virConnectDomainEventDeregisterAny(registered_with_.get(), callback_id_);
  registered_with_ = nullptr;
}

absl::StatusOr<bool> EventRegistration::Ensure() {
  FLATVM_ASSIGN_OR_RETURN(const ConnectPtr connect, connection_.Get());
  const std::lock_guard lock(mutex_);
  if (registered_with_ == connect) return false;
  Deregister();
  auto share = std::make_unique<std::shared_ptr<void>>(receiver_);
  const int id = virConnectDomainEventRegisterAny(connect.get(), nullptr, event_id_, callback_,
                                                  share.get(), &DeleteShare);
  if (id < 0) return LastError("registering for domain events");
  static_cast<void>(share.release());  // libvirt's now
  registered_with_ = connect;
  callback_id_ = id;
  return true;
}

}  // namespace flatvm::libvirt
