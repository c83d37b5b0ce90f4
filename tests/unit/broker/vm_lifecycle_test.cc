#include "daemon/broker/vm_lifecycle.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/error.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

using base::Reason;

Reason ReasonOf(const absl::Status& status) { return base::GetErrorInfo(status).reason; }

class VmLifecycleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.AddTenant("acme").ok());
    ASSERT_TRUE(world_.AddTenant("globex").ok());
  }

  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(VmLifecycleTest, CreatesWhatWasAskedFor) {
  const auto vm = world_.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(vm->state, VmState::kRunning);
  EXPECT_EQ(vm->spec.disk_mib, 16U);
  EXPECT_EQ(vm->address.ToString(), "10.213.0.3");
  EXPECT_GT(vm->cid.value, 1001U);
  const auto domains = host_.hypervisor.ListDomains();
  ASSERT_TRUE(domains.ok());
  ASSERT_EQ(domains->size(), 1U);
  EXPECT_EQ(domains->front().name, "flatvm-acme.web");
  EXPECT_EQ(host_.storage.Snapshot()["acme"].vms[vm->id].disk_mib, 16U);
  EXPECT_EQ(host_.records.Vms().at(vm->id).state, VmState::kRunning);
}

TEST_F(VmLifecycleTest, SaysHowLongEachStageTook) {
  const auto vm = world_.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  std::vector<std::string> names;
  for (const StageDuration& stage : vm->stages) {
    names.push_back(stage.stage);
    EXPECT_GT(stage.duration_us, 0U) << stage.stage;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"admit", "address", "disk", "domain", "commit"}));
}

TEST_F(VmLifecycleTest, LeavesEverythingAsItWasAfterDestroy) {
  const HostState before = StateOf(host_);
  const Resources used = world_.Used("acme");
  const auto vm = world_.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_NE(StateOf(host_), before);
  ASSERT_TRUE(world_.Destroy("acme", "web").ok());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world_.Used("acme"), used);
}

// Each step in turn fails; nothing of the create may stay, and the name and the budget are free
// again.
TEST_F(VmLifecycleTest, LeavesNothingBehindWhicheverStepFails) {
  const absl::Status fault = base::InternalError("injected");
  const std::vector<std::pair<std::string, std::function<void()>>> steps = {
      {"record", [&] { host_.records.FailNext("PutVm", fault); }},
      {"lease", [&] { host_.networks.FailNext("AddLease", fault); }},
      {"files", [&] { host_.storage.FailNext("CreateVmFiles", fault); }},
      {"domain", [&] { host_.hypervisor.FailNext("StartDomain", fault); }},
      {"image", [&] { host_.storage.FailNext("GetImage", fault); }},
  };
  const HostState before = StateOf(host_);
  const Resources used = world_.Used("acme");
  for (const auto& [name, arm] : steps) {
    arm();
    const auto vm = world_.Create("acme", WebSpec());
    EXPECT_EQ(vm.status().code(), absl::StatusCode::kInternal) << name;
    EXPECT_EQ(StateOf(host_), before) << name;
    EXPECT_EQ(world_.Used("acme"), used) << name;
  }
  const auto vm = world_.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(vm->address.ToString(), "10.213.0.3");
}

// An undo that fails must not free what may still be in use; the next destroy finishes it.
TEST_F(VmLifecycleTest, KeepsTheReservationWhenAnUndoFails) {
  const HostState before = StateOf(host_);
  host_.storage.FailNext("CreateVmFiles", base::InternalError("injected"));
  host_.networks.FailNext("RemoveLease", base::InternalError("injected too"));
  ASSERT_FALSE(world_.Create("acme", WebSpec()).ok());
  const auto vm = world_.directory.GetVm("acme", "web");
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(vm->state, VmState::kDestroying);
  EXPECT_TRUE(host_.log.Has("undo of lease failed: injected too, ignoring"));
  world_.reconciler.RetryLeftovers();
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(VmLifecycleTest, ValidatesWithoutDoing) {
  const HostState before = StateOf(host_);
  const auto vm =
      world_.vms.Create({.tenant = "acme", .mode = Mode::kValidateOnly, .spec = WebSpec()});
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_TRUE(vm->id.empty());
  EXPECT_EQ(vm->spec.disk_mib, 16U);
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world_.directory.ListVms("acme")->size(), 0U);
}

struct Refusal {
  const char* what;
  VmSpec spec;
  absl::StatusCode code;
  Reason reason;
};

TEST_F(VmLifecycleTest, RefusesWithCodeAndReasonAndLeavesNothing) {
  ASSERT_TRUE(world_.Create("acme", WebSpec()).ok());
  using C = absl::StatusCode;
  const auto spec = [](VmSpec base, auto change) {
    change(base);
    return base;
  };
  const std::vector<Refusal> refusals = {
      {"bad name", WebSpec("../x"), C::kInvalidArgument, Reason::kFieldMalformed},
      {"name taken", WebSpec(), C::kAlreadyExists, Reason::kVmNameTaken},
      {"no such image", spec(WebSpec("b"), [](VmSpec& s) { s.image = "none"; }), C::kNotFound,
       Reason::kImageNotFound},
      {"broken image", spec(WebSpec("b"), [](VmSpec& s) { s.image = "broken"; }),
       C::kFailedPrecondition, Reason::kImageUnusable},
      {"less memory than the image needs", spec(WebSpec("b"), [](VmSpec& s) { s.memory_mib = 64; }),
       C::kInvalidArgument, Reason::kFieldOutOfRange},
      {"smaller than the image", spec(WebSpec("b"), [](VmSpec& s) { s.disk_mib = 15; }),
       C::kInvalidArgument, Reason::kFieldOutOfRange},
      {"a disk the image does not have",
       spec(WebSpec("b"),
            [](VmSpec& s) {
              s.image = "diskless";
              s.disk_mib = 16;
            }),
       C::kInvalidArgument, Reason::kFieldOutOfRange},
      {"too much memory", spec(WebSpec("b"), [](VmSpec& s) { s.memory_mib = 4096; }),
       C::kResourceExhausted, Reason::kTenantMemoryLimit},
      {"too many vCPUs", spec(WebSpec("b"), [](VmSpec& s) { s.vcpus = 4; }), C::kResourceExhausted,
       Reason::kTenantVcpuLimit},
      {"too much disk", spec(WebSpec("b"), [](VmSpec& s) { s.disk_mib = 2048; }),
       C::kResourceExhausted, Reason::kTenantDiskLimit},
  };
  const HostState before = StateOf(host_);
  for (const Refusal& refusal : refusals) {
    const auto vm = world_.Create("acme", refusal.spec);
    EXPECT_EQ(vm.status().code(), refusal.code) << refusal.what << ": " << vm.status();
    EXPECT_EQ(ReasonOf(vm.status()), refusal.reason) << refusal.what;
    EXPECT_EQ(StateOf(host_), before) << refusal.what;
  }
}

// Nobody can learn from an error whether another tenant has a secondary of that name or id.
TEST_F(VmLifecycleTest, HidesAnotherTenantsSecondary) {
  const auto vm = world_.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  const absl::Status foreign = world_.Destroy("globex", vm->id).status();
  ASSERT_TRUE(world_.Destroy("acme", vm->id).ok());
  const absl::Status nobodys = world_.Destroy("globex", vm->id).status();
  EXPECT_EQ(foreign, nobodys);
  EXPECT_EQ(foreign.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(foreign), Reason::kVmNotFound);
}

TEST_F(VmLifecycleTest, GoesOnWithADestroyThatFailed) {
  const HostState before = StateOf(host_);
  for (const char* op : {"RemoveDomain", "RemoveLease", "RemoveVmFiles", "RemoveVm"}) {
    ASSERT_TRUE(world_.Create("acme", WebSpec()).ok()) << op;
    host_.hypervisor.FailNext(op, base::InternalError("injected"));
    host_.networks.FailNext(op, base::InternalError("injected"));
    host_.storage.FailNext(op, base::InternalError("injected"));
    host_.records.FailNext(op, base::InternalError("injected"));
    EXPECT_FALSE(world_.Destroy("acme", "web").ok()) << op;
    EXPECT_EQ(world_.directory.GetVm("acme", "web")->state, VmState::kDestroying) << op;
    EXPECT_TRUE(world_.Destroy("acme", "web").ok()) << op;
    EXPECT_EQ(StateOf(host_), before) << op;
  }
}

TEST_F(VmLifecycleTest, KeepsTheFilesOfADomainThatMayStillRun) {
  const auto vm = world_.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  host_.hypervisor.FailNext("RemoveDomain", base::InternalError("injected"));
  EXPECT_FALSE(world_.Destroy("acme", "web").ok());
  EXPECT_TRUE(host_.storage.Snapshot()["acme"].vms.contains(vm->id));
}

TEST_F(VmLifecycleTest, StopsWhenTheTimeIsOver) {
  const HostState before = StateOf(host_);
  world_.settings.create_timeout = std::chrono::milliseconds(1);
  host_.clock.SetTick(std::chrono::milliseconds(5));
  const auto vm = world_.Create("acme", WebSpec());
  EXPECT_EQ(vm.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReasonOf(vm.status()), Reason::kStageTimedOut);
  EXPECT_EQ(StateOf(host_), before);
}

// Eight callers at once, far over the budget: what was made fits, and the rest got a clear refusal.
TEST_F(VmLifecycleTest, NeverOversubscribesWithManyCallers) {
  std::atomic<int> made = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 20; ++i) {
        const std::string name = "vm-" + std::to_string(caller) + "-" + std::to_string(i);
        const auto vm = world_.Create("acme", WebSpec(name));
        if (vm.ok()) {
          ++made;
        } else {
          EXPECT_EQ(vm.status().code(), absl::StatusCode::kResourceExhausted) << vm.status();
        }
        const Resources used = world_.Used("acme");
        EXPECT_LE(used.vcpus, 4U);
        if (vm.ok() && i % 2 == 0) {
          EXPECT_TRUE(world_.Destroy("acme", name).ok());
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GE(made.load(), 3);
  EXPECT_LE(world_.directory.ListVms("acme")->size(), 3U);
}

// The same request from several connections at once makes one secondary, and all hear of it.
}  // namespace
}  // namespace flatvm::broker
