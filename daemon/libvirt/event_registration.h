// One callback of ours with libvirt, across restarts of libvirtd.
#pragma once

#include <memory>
#include <mutex>

#include "absl/status/statusor.h"
#include "daemon/libvirt/connection.h"

namespace flatvm::libvirt {

// Thread-safe. Needs an EventLoop. One callback has one registration with a Connection: libvirt
// takes it once.
class EventRegistration {
 public:
  // `callback`, for events of `event_id` (virDomainEventID) of any domain, is called with a
  // std::shared_ptr<void>* that is `receiver`: libvirt may be in the middle of a call, or about to
  // make one, when this goes.
  EventRegistration(Connection& connection, int event_id,
                    virConnectDomainEventGenericCallback callback, std::shared_ptr<void> receiver);
  EventRegistration(const EventRegistration&) = delete;
  EventRegistration& operator=(const EventRegistration&) = delete;
  ~EventRegistration();

  // Registers with the current connection unless it is registered there already. Answers true if it
  // registered anew: events may have been missed. Errors: as Connection::Get; INTERNAL.
  absl::StatusOr<bool> Ensure();

 private:
  void Deregister();

  Connection& connection_;
  const int event_id_;
  const virConnectDomainEventGenericCallback callback_;
  const std::shared_ptr<void> receiver_;
  std::mutex mutex_;  // guards what follows
  ConnectPtr registered_with_;
  int callback_id_ = -1;
};

// libvirt's API asks for this cast; the detour by void(*)() says to the compiler that it is meant.
template <typename Callback>
virConnectDomainEventGenericCallback AsGenericCallback(Callback* callback) {
  return reinterpret_cast<virConnectDomainEventGenericCallback>(
      reinterpret_cast<void (*)()>(callback));
}

}  // namespace flatvm::libvirt
