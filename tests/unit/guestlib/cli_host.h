// flatvm run in this process against a service that the test plays.
#pragma once

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "guestlib/cli/run_cli.h"

namespace flatvm::cli {

inline Vm SampleVm() {
  return {.id = "0b6c2f60-5f0a-4d6e-9d50-0f1e6c5a7b11",
          .name = "web",
          .tenant = "acme",
          .state = VmState::kRunning,
          .image = "tiny",
          .memory_mib = 192,
          .vcpus = 1,
          .disk_mib = 2048,
          .address = "10.213.0.3",
          .mac = "52:54:00:01:02:03",
          .cid = 7,
          .created_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000)),
          .stages = {{.stage = "admit", .duration = std::chrono::microseconds(120)},
                     {.stage = "disk", .duration = std::chrono::microseconds(21'400)},
                     {.stage = "domain", .duration = std::chrono::microseconds(1'849'000)}}};
}

inline Tenant SampleTenant() {
  return {.name = "acme",
          .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 20480},
          .used = {.memory_mib = 1344, .vcpus = 2, .vms = 1, .disk_mib = 2048},
          .left = {.memory_mib = 2752, .vcpus = 2, .vms = 7, .disk_mib = 18432},
          .primary = {.state = PrimaryState::kRunning,
                      .cid = 5,
                      .mac = "52:54:00:00:00:01",
                      .address = "10.213.0.2"},
          .subnet = "10.213.0.0/24",
          .gateway = "10.213.0.1",
          .vmm_overhead_mib = 64,
          .created_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000))};
}

inline Error SampleError() {
  return {.code = Code::kNotFound,
          .reason = Reason::kVmNotFound,
          .message = "there is no such secondary",
          .field = "vm"};
}

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
