#include "daemon/libvirt/device_removals.h"

#include <condition_variable>
#include <mutex>

namespace flatvm::libvirt {

struct DeviceRemovals::Receiver {
  std::mutex mutex;
  std::condition_variable told;
  uint64_t count = 0;  // guarded by mutex
};

DeviceRemovals::DeviceRemovals(Connection& connection)
    : receiver_(std::make_shared<Receiver>()),
      registration_(connection, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                    AsGenericCallback(&DeviceRemovals::OnRemoved), receiver_) {}

void DeviceRemovals::OnRemoved(virConnect* /*connect*/, virDomain* /*domain*/,
                               const char* /*alias*/, void* share) {
  const auto receiver =
      std::static_pointer_cast<Receiver>(*static_cast<std::shared_ptr<void>*>(share));
  {
    const std::lock_guard lock(receiver->mutex);
    ++receiver->count;
  }
  receiver->told.notify_all();
}

uint64_t DeviceRemovals::Count() const {
  const std::lock_guard lock(receiver_->mutex);
  return receiver_->count;
}

void DeviceRemovals::WaitForMore(uint64_t count,
                                 std::chrono::steady_clock::duration timeout) const {
  std::unique_lock lock(receiver_->mutex);
  receiver_->told.wait_for(lock, timeout, [&] { return receiver_->count > count; });
}

}  // namespace flatvm::libvirt
