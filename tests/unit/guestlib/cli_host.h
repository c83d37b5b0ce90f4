// flatvm run in this process against a service that the test plays.
#pragma once

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "guestlib/cli/run_cli.h"
#include "tests/unit/guestlib/cli_samples.h"

namespace flatvm::cli {

// Answers every call with what the test put here; remembers what it was asked.
struct FakeHost {
  Vm vm = SampleVm();
  std::vector<Vm> vms = {SampleVm()};
  Tenant tenant = SampleTenant();
  std::optional<Error> error;
  std::string error_only_for;  // a VM; empty: for all

  std::optional<ClientOptions> options;
  std::vector<std::pair<VmSpec, CallOptions>> created;
  std::vector<std::pair<std::string, CallOptions>> destroyed;
  std::vector<std::string> shown;

  bool Fails(const std::string& name) const {
    return error.has_value() && (error_only_for.empty() || error_only_for == name);
  }
};

class FakeService final : public VmService {
 public:
  explicit FakeService(FakeHost& host) : host_(host) {}

  Result<Vm> CreateVm(const VmSpec& spec, const CallOptions& call) override {
    host_.created.emplace_back(spec, call);
    if (host_.Fails(spec.name)) return *host_.error;
    return host_.vm;
  }
  Result<Vm> DestroyVm(const std::string& name_or_id, const CallOptions& call) override {
    host_.destroyed.emplace_back(name_or_id, call);
    if (host_.Fails(name_or_id)) return *host_.error;
    Vm vm = host_.vm;
    vm.name = name_or_id;
    return vm;
  }
  Result<Vm> ShowVm(const std::string& name_or_id) override {
    host_.shown.push_back(name_or_id);
    if (host_.Fails(name_or_id)) return *host_.error;
    return host_.vm;
  }
  Result<std::vector<Vm>> ListVms() override {
    if (host_.error.has_value()) return *host_.error;
    return host_.vms;
  }
  Result<Tenant> GetTenant() override {
    if (host_.error.has_value()) return *host_.error;
    return host_.tenant;
  }

 private:
  FakeHost& host_;
};

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
                            .out = out,
                            .err = err});
  done.out = out.str();
  done.err = err.str();
  return done;
}

}  // namespace flatvm::cli
