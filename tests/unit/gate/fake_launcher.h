// Fronts that the test plays: it gets the end of the link that a front would have.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/packet_socket.h"
#include "daemon/gate/fd_store.h"
#include "daemon/gate/front_launcher.h"
#include "flatvm/internal/front_link.pb.h"

namespace flatvm::gate {

constexpr auto kPatience = std::chrono::seconds(20);  // only a failing test waits so long

// A front's end of the link.
class FakeFront {
 public:
  FakeFront() = default;
  explicit FakeFront(base::UniqueFd link) : link_(std::move(link)) {}

  internal::ToFront Receive() {
    internal::ToFront message;
    if (!Wait()) {
      ADD_FAILURE() << "nothing from flatvmd";
      return message;
    }
    base::Packet packet;
    EXPECT_EQ(base::ReceivePacket(link_.get(), base::Descriptors::kAllowOne, &packet),
              base::ReceiveResult::kPacket);
    EXPECT_TRUE(message.ParseFromString(packet.bytes));
    connection_ = std::move(packet.descriptor);
    return message;
  }

  // True when flatvmd closed the link; drops what it says before.
  bool WaitForClose() {
    base::Packet packet;
    while (Wait()) {
      const auto got = base::ReceivePacket(link_.get(), base::Descriptors::kAllowOne, &packet);
      if (got == base::ReceiveResult::kClosed) return true;
    }
    return false;
  }

  void Send(const std::string& bytes) {
    ASSERT_EQ(base::SendPacket(link_.get(), bytes), base::SendResult::kSent);
  }

  // After a Hello of `epoch`.
  void Call(uint64_t id, uint64_t epoch, const std::string& method, const std::string& request,
            uint32_t timeout_ms = 0) {
    internal::FromFront message;
    internal::Call* call = message.mutable_call();
    call->set_call_id(id);
    call->set_epoch(epoch);
    call->set_method(method);
    call->set_request(request);
    call->set_timeout_ms(timeout_ms);
    Send(message.SerializeAsString());
  }

  base::UniqueFd TakeConnection() { return std::move(connection_); }
  void Die() { link_.Reset(); }

 private:
  bool Wait() const {
    pollfd waiting{.fd = link_.get(), .events = POLLIN, .revents = 0};
    const auto patience = std::chrono::milliseconds(kPatience);
    return ::poll(&waiting, 1, static_cast<int>(patience.count())) == 1;
  }

  base::UniqueFd link_;
  base::UniqueFd connection_;
};

// Thread-safe.
class FakeLauncher final : public FrontLauncher {
 public:
  absl::Status Start(const std::string& tenant, base::UniqueFd link) override {
    const std::lock_guard lock(mutex_);
    ++starts_;
    changed_.notify_all();
    if (!next_.ok()) return std::exchange(next_, absl::OkStatus());
    fronts_[tenant].push_back(std::move(link));
    return absl::OkStatus();
  }
  absl::Status Stop(const std::string& tenant) override {
    const std::lock_guard lock(mutex_);
    stopped_.push_back(tenant);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> ListRunning() override {
    const std::lock_guard lock(mutex_);
    return running_;
  }

  // Waits for the tenant's next start, and is its front.
  FakeFront TakeFront(const std::string& tenant) {
    std::unique_lock lock(mutex_);
    const bool started =
        changed_.wait_for(lock, kPatience, [&] { return !fronts_[tenant].empty(); });
    EXPECT_TRUE(started) << "no front of " << tenant << " was started";
    if (!started) return {};
    FakeFront front(std::move(fronts_[tenant].front()));
    fronts_[tenant].erase(fronts_[tenant].begin());
    return front;
  }
  void FailNext(absl::Status status) {
    const std::lock_guard lock(mutex_);
    next_ = std::move(status);
  }
  void SetRunning(std::vector<std::string> tenants) {
    const std::lock_guard lock(mutex_);
    running_ = std::move(tenants);
  }
  int starts() {
    const std::lock_guard lock(mutex_);
    return starts_;
  }
  std::vector<std::string> stopped() {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }

 private:
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::map<std::string, std::vector<base::UniqueFd>> fronts_;
  std::vector<std::string> stopped_;
  std::vector<std::string> running_;
  absl::Status next_;
  int starts_ = 0;
};

// Thread-safe. Keeps duplicates, as systemd does.
class FakeFdStore final : public FdStore {
 public:
  absl::Status Put(const std::string& name, int fd) override {
    const std::lock_guard lock(mutex_);
    kept_[name] = base::UniqueFd(::dup(fd));
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    kept_.erase(name);
    return absl::OkStatus();
  }
  // What a new flatvmd would get; invalid: nothing.
  base::UniqueFd Take(const std::string& name) {
    const std::lock_guard lock(mutex_);
    base::UniqueFd fd = std::move(kept_[name]);
    kept_.erase(name);
    return fd;
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return kept_.size();
  }

 private:
  std::mutex mutex_;  // guards kept_
  std::map<std::string, base::UniqueFd> kept_;
};

}  // namespace flatvm::gate
