// Dnsmasqs that run in memory: what was started, and told to read its files anew.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "daemon/base/error.h"
#include "network/dnsmasq/server_programs.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// Thread-safe.
class FakeServerPrograms final : public network::ServerPrograms, public FailableFake {
 public:
  struct Running {
    network::ServerProgram program;
    int starts = 0;   // of its name
    int reloads = 0;  // since the last of these
  };

  std::string Terms(const network::ServerProgram& program) const override {
    return terms_ + program.name;
  }
  absl::Status Start(const network::ServerProgram& program) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    running_.insert_or_assign(program.name,
                              Running{.program = program, .starts = ++starts_[program.name]});
    return absl::OkStatus();
  }
  absl::Status Reload(const std::string& name) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    const auto found = running_.find(name);
    if (found == running_.end()) return base::InternalError("does not run");
    ++found->second.reloads;
    return absl::OkStatus();
  }
  absl::Status Stop(const std::string& name) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    End(name);
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Runs(const std::string& name) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    return running_.contains(name);
  }
  absl::StatusOr<std::set<std::string>> ListRunning() override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    std::set<std::string> names;
    for (const auto& [name, running] : running_) names.insert(name);
    return names;
  }

  // Another flatvmd's.
  void SetTerms(const std::string& terms) { terms_ = terms; }
  // Somebody else's doing.
  void End(const std::string& name) {
    const std::lock_guard lock(mutex_);
    running_.erase(name);
  }
  std::map<std::string, Running> running() const {
    const std::lock_guard lock(mutex_);
    return running_;
  }

 private:
  std::string terms_;
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, Running> running_;
  std::map<std::string, int> starts_;
};

}  // namespace flatvm::fakes
