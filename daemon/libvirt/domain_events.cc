#include "daemon/libvirt/domain_events.h"

#include <array>
#include <mutex>
#include <utility>

namespace flatvm::libvirt {

std::optional<DomainEvent> TranslateLifecycle(int event, int detail) {
  if (event == VIR_DOMAIN_EVENT_STOPPED) return DomainEvent::kStopped;
  // libvirt says "started" too when a guest that slept (S3) wakes up, in the run that it had.
  if (event == VIR_DOMAIN_EVENT_STARTED && detail != VIR_DOMAIN_EVENT_STARTED_WAKEUP) {
    return DomainEvent::kStarted;
  }
  return std::nullopt;
}

struct DomainEvents::Receiver {
  explicit Receiver(OnEvent callback) : on_event(std::move(callback)) {}

  std::mutex mutex;  // guards on_event, also while it runs
  OnEvent on_event;  // empty: nobody listens any more
};

DomainEvents::DomainEvents(Connection& connection, OnEvent on_event)
    : receiver_(std::make_shared<Receiver>(std::move(on_event))),
      registration_(connection, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                    AsGenericCallback(&DomainEvents::OnLifecycle), receiver_) {}

DomainEvents::~DomainEvents() {
  const std::lock_guard lock(receiver_->mutex);
  receiver_->on_event = nullptr;
}

int DomainEvents::OnLifecycle(virConnect* /*connect*/, virDomain* domain, int event, int detail,
                              void* share) {
  constexpr int kIgnored = 0;
  const std::optional<DomainEvent> told = TranslateLifecycle(event, detail);
  if (!told) return kIgnored;
  std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
  if (virDomainGetUUIDString(domain, uuid.data()) != 0) return kIgnored;
  const auto receiver =
      std::static_pointer_cast<Receiver>(*static_cast<std::shared_ptr<void>*>(share));
  const std::lock_guard lock(receiver->mutex);
  if (receiver->on_event) receiver->on_event(*told, uuid.data());
  return kIgnored;
}

}  // namespace flatvm::libvirt
