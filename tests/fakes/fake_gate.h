// TenantGate in memory: which tenants' gates are open, and how often connections were dropped.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "daemon/base/error.h"
#include "daemon/broker/tenant_gate.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// Thread-safe.
class FakeGate final : public broker::TenantGate, public FailableFake {
 public:
  absl::Status OpenTenant(const std::string& tenant) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    open_.insert(tenant);
    return absl::OkStatus();
  }

  absl::Status CloseTenant(const std::string& tenant) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    open_.erase(tenant);
    return absl::OkStatus();
  }

  void DropConnections(const std::string& tenant) override {
    const std::lock_guard lock(mutex_);
    ++drops_[tenant];
  }

  std::set<std::string> Open() {
    const std::lock_guard lock(mutex_);
    return open_;
  }

  int DropsOf(const std::string& tenant) {
    const std::lock_guard lock(mutex_);
    return drops_[tenant];
  }

 private:
  std::mutex mutex_;  // guards what follows
  std::set<std::string> open_;
  std::map<std::string, int> drops_;
};

}  // namespace flatvm::fakes
