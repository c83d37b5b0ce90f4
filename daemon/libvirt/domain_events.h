// Tells when a domain stopped, across restarts of libvirtd.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/libvirt/connection.h"

namespace flatvm::libvirt {

// Thread-safe. Needs an EventLoop. One for a Connection: libvirt takes a callback once.
class DomainEvents {
 public:
  // Called with the UUID, lower case, of any domain of the host that ended, however it did. Runs
  // on the event loop's thread, one call at a time: it must not call libvirt, nor block.
  using OnStopped = std::function<void(const std::string& uuid)>;

  DomainEvents(Connection& connection, OnStopped on_stopped);
  DomainEvents(const DomainEvents&) = delete;
  DomainEvents& operator=(const DomainEvents&) = delete;
  // Once it returns, the callback is not called any more.
  ~DomainEvents();

  // Registers with the current connection unless it is registered there already; to be called at
  // start and from time to time, since a registration goes with its connection. Answers true if it
  // registered anew: events may have been missed. Errors: as Connection::Get; INTERNAL.
  absl::StatusOr<bool> EnsureRegistered();

 private:
  struct Receiver;

  static int OnLifecycle(virConnect* connect, virDomain* domain, int event, int detail,
                         void* share);
  void Deregister();

  Connection& connection_;
  const std::shared_ptr<Receiver> receiver_;
  std::mutex mutex_;  // guards what follows
  ConnectPtr registered_with_;
  int callback_id_ = -1;
};

}  // namespace flatvm::libvirt
