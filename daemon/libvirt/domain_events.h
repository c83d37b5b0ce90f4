// Tells when a domain started or stopped, across restarts of libvirtd.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/event_registration.h"

namespace flatvm::libvirt {

// kStarted: a run of the domain began, whoever began it; its vCPUs run or soon will. A reset of the
// guest or its waking up is none. kStopped: the run ended, however it did.
enum class DomainEvent { kStarted, kStopped };

// What a lifecycle event of libvirt's, with its detail, is of the two; nothing for the rest. Pure.
std::optional<DomainEvent> TranslateLifecycle(int event, int detail);

// Thread-safe. Needs an EventLoop. One for a Connection.
class DomainEvents {
 public:
  // Called for any domain of the host, with its UUID, lower case; for each domain in the order in
  // which it happened. Runs on the event loop's thread, one call at a time: it must not call
  // libvirt, nor block.
  using OnEvent = std::function<void(DomainEvent event, const std::string& uuid)>;

  DomainEvents(Connection& connection, OnEvent on_event);
  DomainEvents(const DomainEvents&) = delete;
  DomainEvents& operator=(const DomainEvents&) = delete;
  // Once it returns, the callback is not called any more.
  ~DomainEvents();

  // Registers with the current connection unless it is registered there already; to be called at
  // start and from time to time, since a registration goes with its connection. Answers true if it
  // registered anew: events may have been missed. Errors: as Connection::Get; INTERNAL.
  absl::StatusOr<bool> EnsureRegistered() { return registration_.Ensure(); }

 private:
  struct Receiver;

  static int OnLifecycle(virConnect* connect, virDomain* domain, int event, int detail,
                         void* share);

  const std::shared_ptr<Receiver> receiver_;
  EventRegistration registration_;
};

}  // namespace flatvm::libvirt
