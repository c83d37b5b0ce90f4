// flatvm run in this process against a service that the test plays.
#pragma once

#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "guestlib/cli/run_cli.h"
#include "tests/unit/guestlib/cli_fake_host.h"

namespace flatvm::cli {

struct Done {
  int code = -1;
  std::string out;
  std::string err;
};

// Ages count to 90 minutes after SampleVm was created.
inline Done RunFlatvm(const std::vector<std::string>& args, FakeHost& host) {
  std::ostringstream out;
  std::ostringstream err;
  Done done;
  done.code = RunCli(args, {.connect =
                                [&host](const ClientOptions& options) {
                                  host.options = options;
                                  return std::make_unique<FakeService>(host);
                                },
                            .now =
                                [] {
                                  return std::chrono::system_clock::time_point(
                                      std::chrono::seconds(1'700'000'000 + 5'400));
                                },
                            .find_mount =
                                [&host](const std::string& serial) {
                                  host.mounts_sought.push_back(serial);
                                  return host.mount_point;
                                },
                            .out = out,
                            .err = err,
                            .meter = host.meter,
                            .steady =
                                [&host] {
                                  std::chrono::seconds now{0};
                                  if (!host.times.empty()) now = host.times.front();
                                  if (host.times.size() > 1) host.times.erase(host.times.begin());
                                  return std::chrono::steady_clock::time_point(now);
                                }});
  done.out = out.str();
  done.err = err.str();
  return done;
}

}  // namespace flatvm::cli
