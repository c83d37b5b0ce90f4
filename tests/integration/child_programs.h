// Dnsmasqs as children of a test, in its namespaces and as nobody, as systemd would run them.
#pragma once

#include <sys/types.h>

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "network/dnsmasq/server_programs.h"

namespace flatvm::integration {

// They end with this. Thread-safe. Nothing is started again.
class ChildPrograms final : public network::ServerPrograms {
 public:
  ChildPrograms() = default;
  ChildPrograms(const ChildPrograms&) = delete;
  ChildPrograms& operator=(const ChildPrograms&) = delete;
  ~ChildPrograms() override;

  std::string Terms(const network::ServerProgram& program) const override { return program.name; }
  absl::Status Start(const network::ServerProgram& program) override;
  absl::Status Reload(const std::string& name) override;
  absl::Status Stop(const std::string& name) override;
  absl::StatusOr<bool> Runs(const std::string& name) override;
  absl::StatusOr<std::set<std::string>> ListRunning() override;

  // -1: it does not run.
  pid_t FindProcess(const std::string& name);

 private:
  void End(const std::string& name);

  std::mutex mutex_;                      // guards what is below
  std::map<std::string, pid_t> running_;  // children
};

}  // namespace flatvm::integration
