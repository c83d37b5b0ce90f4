// libvirt's word that guests let go of devices, for who waits for that.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/event_registration.h"

namespace flatvm::libvirt {

// Thread-safe. Needs an EventLoop. One for a Connection. Events may get lost: who waits looks for
// itself from time to time, too.
class DeviceRemovals {
 public:
  explicit DeviceRemovals(Connection& connection);

  // To be called before waiting: a registration goes with its connection. Errors: as
  // Connection::Get; INTERNAL.
  absl::Status EnsureRegistered() { return registration_.Ensure().status(); }

  // How many there were, of any domain.
  uint64_t Count() const;

  // Returns when there were more than `count`, or after `timeout`.
  void WaitForMore(uint64_t count, std::chrono::steady_clock::duration timeout) const;

 private:
  struct Receiver;

  static void OnRemoved(virConnect* connect, virDomain* domain, const char* alias, void* share);

  const std::shared_ptr<Receiver> receiver_;
  EventRegistration registration_;
};

}  // namespace flatvm::libvirt
