#include "daemon/libvirt/domain_events.h"

#include <array>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/libvirt/errors.h"

namespace flatvm::libvirt {

std::optional<DomainEvent> TranslateLifecycle(int event, int detail) {
  if (event == VIR_DOMAIN_EVENT_STOPPED) return DomainEvent::kStopped;
  // libvirt says "started" too when a guest that slept (S3) wakes up, in the run that it had.
  if (event == VIR_DOMAIN_EVENT_STARTED && detail != VIR_DOMAIN_EVENT_STARTED_WAKEUP) {
    return DomainEvent::kStarted;
  }
  return std::nullopt;
}

// What libvirt's callback holds a share of: libvirt may be in the middle of a call, or about to
// make one, when it is told to forget the callback.
struct DomainEvents::Receiver {
  explicit Receiver(OnEvent callback) : on_event(std::move(callback)) {}

  static void DeleteShare(void* share) { delete static_cast<std::shared_ptr<Receiver>*>(share); }

  std::mutex mutex;  // guards on_event, also while it runs
  OnEvent on_event;  // empty: nobody listens any more
};

DomainEvents::DomainEvents(Connection& connection, OnEvent on_event)
    : connection_(connection), receiver_(std::make_shared<Receiver>(std::move(on_event))) {}

DomainEvents::~DomainEvents() {
  {
    const std::lock_guard lock(receiver_->mutex);
    receiver_->on_event = nullptr;
  }
  const std::lock_guard lock(mutex_);
  Deregister();
}

int DomainEvents::OnLifecycle(virConnect* /*connect*/, virDomain* domain, int event, int detail,
                              void* share) {
  constexpr int kIgnored = 0;
  const std::optional<DomainEvent> told = TranslateLifecycle(event, detail);
  if (!told) return kIgnored;
  std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
  if (virDomainGetUUIDString(domain, uuid.data()) != 0) return kIgnored;
  const std::shared_ptr<Receiver> receiver = *static_cast<std::shared_ptr<Receiver>*>(share);
  const std::lock_guard lock(receiver->mutex);
  if (receiver->on_event) receiver->on_event(*told, uuid.data());
  return kIgnored;
}

void DomainEvents::Deregister() {
  if (registered_with_ == nullptr) return;
  // Fails on a connection that broke; then there is nothing to take back.
  virConnectDomainEventDeregisterAny(registered_with_.get(), callback_id_);
  registered_with_ = nullptr;
}

absl::StatusOr<bool> DomainEvents::EnsureRegistered() {
  FLATVM_ASSIGN_OR_RETURN(const ConnectPtr connect, connection_.Get());
  const std::lock_guard lock(mutex_);
  if (registered_with_ == connect) return false;
  Deregister();
  auto share = std::make_unique<std::shared_ptr<Receiver>>(receiver_);
  // libvirt's API asks for this cast; the detour by void(*)() says to the compiler that it is
  // meant.
  const auto callback = reinterpret_cast<virConnectDomainEventGenericCallback>(
      reinterpret_cast<void (*)()>(&DomainEvents::OnLifecycle));
  const int id =
      virConnectDomainEventRegisterAny(connect.get(), nullptr, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                       callback, share.get(), &Receiver::DeleteShare);
  if (id < 0) return LastError("registering for domain events");
  static_cast<void>(share.release());  // libvirt's now
  registered_with_ = connect;
  callback_id_ = id;
  return true;
}

}  // namespace flatvm::libvirt
