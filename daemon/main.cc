// flatvmd: reads its words and its configuration, then runs the daemon.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "daemon/app/daemon.h"
#include "daemon/app/journal_logger.h"
#include "daemon/app/requirements.h"
#include "daemon/app/stop_at.h"
#include "daemon/base/str_cat.h"
#include "daemon/config/parse_config.h"

namespace {

using flatvm::base::LogLevel;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

int CheckConfig(const std::string& path) {
  const auto config = flatvm::config::LoadConfig(path);
  if (!config.ok()) {
    std::fprintf(stderr, "flatvmd: %s\n", std::string(config.status().message()).c_str());
    return kExitUsage;
  }
  std::printf("%s", flatvm::config::DescribeConfig(*config).c_str());
  return std::fflush(stdout) == 0 ? 0 : kExitFailure;
}

int Run(const std::string& config_path) {
  flatvm::app::JournalLogger log;
  const auto config = flatvm::config::LoadConfig(config_path);
  if (!config.ok()) {
    log.Log(LogLevel::kError, flatvm::base::Message(config.status()));
    return kExitUsage;
  }
  const auto unmet = flatvm::app::UnmetRequirements(*config, flatvm::app::HostPaths{});
  for (const std::string& message : unmet) log.Log(LogLevel::kError, message);
  if (!unmet.empty()) return kExitFailure;
  const absl::Status status = flatvm::app::RunDaemon(*config, log);
  if (status.ok()) return 0;
  log.Log(LogLevel::kError, flatvm::base::Message(status));
  return kExitFailure;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "flatvmd: gives a primary VM sibling VMs on request. Started by systemd; see flatvmctl for "
      "the operator.");
  std::string config_path = "/etc/flatvm/flatvmd.json";
  bool check_config = false;
  bool list_steps = false;
  app.add_option("--config", config_path,
                 "Configuration file; the defaults hold if it is not there")
      ->capture_default_str();
  app.add_flag(
      "--check-config", check_config,
      "Check the configuration, print it with every default written out, and exit (0 good, 2 bad)");
  app.add_flag("--steps", list_steps,
               "Print the steps that FLATVM_STOP_AT may name, and who passes them, and exit")
      ->group("");  // for tests
  app.set_version_flag("--version", FLATVM_VERSION);
  CLI11_PARSE(app, argc, argv);
  if (list_steps) {
    std::printf("%s", flatvm::app::DescribeSteps().c_str());
    return std::fflush(stdout) == 0 ? 0 : kExitFailure;
  }
  return check_config ? CheckConfig(config_path) : Run(config_path);
}
