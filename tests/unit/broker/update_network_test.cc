// A tenant's network that becomes another.
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "daemon/broker/update_tenant.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

using base::Reason;
using network::NetworkMode;

constexpr uint64_t kMiB = uint64_t{1} << 20U;

Reason ReasonOf(const absl::Status& status) { return base::GetErrorInfo(status).reason; }

class UpdateNetworkTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.AddTenant("acme").ok()); }

  absl::Status SetMode(NetworkMode mode, Mode how = Mode::kExecute) {
    return world_.updates.Update({.name = "acme", .mode = how, .network_mode = mode}).status();
  }
  NetworkMode Live() { return host_.networks.Snapshot().at("acme").mode; }
  NetworkMode Recorded() { return host_.records.Tenants().at("acme").network_mode; }

  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(UpdateNetworkTest, IsOfTheModeThatATenantIsMadeWith) {
  const auto made = world_.tenants.Create({.name = "globex",
                                           .primary = "globex-primary",
                                           .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8},
                                           .network_mode = NetworkMode::kIsolated});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(host_.networks.Snapshot().at("globex").mode, NetworkMode::kIsolated);
  EXPECT_EQ(host_.records.Tenants().at("globex").network_mode, NetworkMode::kIsolated);
  EXPECT_EQ(Live(), NetworkMode::kNat);
}

TEST_F(UpdateNetworkTest, BecomesAnotherWhileNobodyIsOnIt) {
  host_.hypervisor.StopPrimary("acme-primary");
  ASSERT_EQ(SetMode(NetworkMode::kViaPrimary), absl::OkStatus());
  EXPECT_EQ(Live(), NetworkMode::kViaPrimary);
  EXPECT_EQ(Recorded(), NetworkMode::kViaPrimary);
  EXPECT_EQ(world_.directory.GetTenant("acme")->record.network_mode, NetworkMode::kViaPrimary);
  ASSERT_EQ(SetMode(NetworkMode::kNat), absl::OkStatus());
  EXPECT_EQ(Live(), NetworkMode::kNat);
  host_.hypervisor.StartPrimary("acme-primary");
}

TEST_F(UpdateNetworkTest, StaysWhatItIsWhileThePrimaryIsOnIt) {
  const HostState before = StateOf(host_);
  for (const Mode how : {Mode::kValidateOnly, Mode::kExecute}) {
    const absl::Status refused = SetMode(NetworkMode::kIsolated, how);
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
    EXPECT_EQ(ReasonOf(refused), Reason::kNetworkInUse);
    EXPECT_EQ(base::GetErrorInfo(refused).field, "network_mode");
  }
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(Recorded(), NetworkMode::kNat);
  EXPECT_EQ(SetMode(NetworkMode::kNat), absl::OkStatus()) << "it is no change";
}

TEST_F(UpdateNetworkTest, StaysWhatItIsWhileThereIsASecondary) {
  const auto vm = world_.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  host_.hypervisor.StopPrimary("acme-primary");
  EXPECT_EQ(ReasonOf(SetMode(NetworkMode::kIsolated)), Reason::kNetworkInUse);
  ASSERT_TRUE(world_.Destroy("acme", vm->id).ok());
  EXPECT_EQ(SetMode(NetworkMode::kIsolated), absl::OkStatus());
}

TEST_F(UpdateNetworkTest, IsPutBackWhicheverStepFails) {
  host_.hypervisor.StopPrimary("acme-primary");
  const HostState before = StateOf(host_);
  const absl::Status failure = absl::InternalError("as the test wants");
  host_.records.FailNext("PutTenant", failure);
  EXPECT_FALSE(SetMode(NetworkMode::kIsolated).ok());
  host_.cgroups.FailNext("EnsureSlice", failure);
  EXPECT_FALSE(SetMode(NetworkMode::kIsolated).ok());
  host_.networks.FailNext("EnsureNetwork", failure);
  EXPECT_FALSE(SetMode(NetworkMode::kIsolated).ok());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(Recorded(), NetworkMode::kNat);
  EXPECT_EQ(SetMode(NetworkMode::kIsolated), absl::OkStatus());
}

TEST_F(UpdateNetworkTest, IsFoundInUseByTheNetworkItself) {
  host_.hypervisor.StopPrimary("acme-primary");
  host_.networks.Occupy("acme");
  EXPECT_EQ(ReasonOf(SetMode(NetworkMode::kIsolated)), Reason::kNetworkInUse);
  EXPECT_EQ(Live(), NetworkMode::kNat);
  EXPECT_EQ(Recorded(), NetworkMode::kNat);
}

TEST_F(UpdateNetworkTest, LeadsHostPortsToMachinesWhileTheyRun) {
  ASSERT_TRUE(world_.Create("acme", WebSpec()).ok());
  const std::vector<network::PortForward> forwards = {
      {.host_port = 8080, .machine = "web", .port = 80},
      {.protocol = network::Protocol::kUdp, .host_port = 8080, .machine = "later", .port = 80}};
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .forwards = forwards}).ok());
  EXPECT_EQ(host_.networks.Snapshot().at("acme").forwards, forwards);
  EXPECT_EQ(host_.records.Tenants().at("acme").forwards, forwards);
  host_.networks.Listen(8080);
  EXPECT_TRUE(world_.updates.Update({.name = "acme", .forwards = forwards}).ok())
      << "what it has stays its own";
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .vms = 7}).ok());
  EXPECT_EQ(host_.networks.Snapshot().at("acme").forwards, forwards);
  const std::vector<network::PortForward> none;
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .forwards = none}).ok());
  EXPECT_TRUE(host_.networks.Snapshot().at("acme").forwards.empty());
}

TEST_F(UpdateNetworkTest, PutsForwardsBackIfTheyFail) {
  const HostState before = StateOf(host_);
  host_.networks.FailNext("SetRules", absl::InternalError("as the test wants"));
  EXPECT_FALSE(world_.updates
                   .Update({.name = "acme",
                            .forwards =
                                std::vector<network::PortForward>{
                                    {.host_port = 8080, .machine = "web", .port = 80}}})
                   .ok());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_TRUE(host_.records.Tenants().at("acme").forwards.empty());
}

TEST_F(UpdateNetworkTest, RefusesForwardsWithCodeAndReason) {
  ASSERT_TRUE(world_.AddTenant("globex").ok());
  const network::PortForward good{.host_port = 8080, .machine = "web", .port = 80};
  ASSERT_TRUE(
      world_.updates.Update({.name = "globex", .forwards = std::vector<network::PortForward>{good}})
          .ok());
  const auto with = [](network::PortForward forward, auto change) {
    forward.host_port = 9000;
    change(forward);
    return std::vector<network::PortForward>{forward};
  };
  const struct {
    std::vector<network::PortForward> forwards;
    Reason reason;
    const char* field;
  } cases[] = {
      {{good}, Reason::kPortTaken, "forwards.host_port"},
      {with(good, [](auto& f) { f.host_port = 22; }), Reason::kPortTaken, "forwards.host_port"},
      {with(good, [](auto& f) { f.host_port = 0; }), Reason::kFieldOutOfRange,
       "forwards.host_port"},
      {with(good, [](auto& f) { f.port = 0; }), Reason::kFieldOutOfRange, "forwards.port"},
      {with(good, [](auto& f) { f.machine = "a b"; }), Reason::kFieldMalformed, "forwards.machine"},
      {std::vector<network::PortForward>(65, good), Reason::kFieldOutOfRange, "forwards"},
      {std::vector<network::PortForward>(2, with(good, [](auto&) {})[0]), Reason::kFieldOutOfRange,
       "forwards.host_port"},
  };
  const HostState before = StateOf(host_);
  for (const auto& one : cases) {
    const absl::Status status =
        world_.updates.Update({.name = "acme", .forwards = one.forwards}).status();
    EXPECT_EQ(ReasonOf(status), one.reason) << status;
    EXPECT_EQ(base::GetErrorInfo(status).field, one.field) << status;
  }
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(UpdateNetworkTest, HasForwardsThatItsModeCanServe) {
  host_.hypervisor.StopPrimary("acme-primary");
  const auto set = [&](NetworkMode mode, const char* machine) {
    return world_.updates
        .Update({.name = "acme",
                 .network_mode = mode,
                 .forwards =
                     std::vector<network::PortForward>{
                         {.host_port = 8080, .machine = machine, .port = 80}}})
        .status();
  };
  EXPECT_EQ(base::GetErrorInfo(set(NetworkMode::kIsolated, "web")).field, "forwards");
  EXPECT_EQ(base::GetErrorInfo(set(NetworkMode::kViaPrimary, "web")).field, "forwards.machine");
  EXPECT_EQ(set(NetworkMode::kViaPrimary, "primary"), absl::OkStatus());
  EXPECT_EQ(base::GetErrorInfo(SetMode(NetworkMode::kIsolated)).field, "forwards")
      << "they would not be served any more";
}

TEST_F(UpdateNetworkTest, HasTheCeilingsThatATenantIsMadeWith) {
  const network::Ceilings ceilings{.out = kMiB, .in = 2 * kMiB, .vm_out = 65536, .vm_in = 0};
  const CreateTenantOrder order{.name = "globex",
                                .primary = "globex-primary",
                                .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8},
                                .ceilings = ceilings};
  ASSERT_TRUE(world_.tenants.Create(order).ok());
  EXPECT_EQ(host_.networks.Snapshot().at("globex").ceilings, ceilings);
  EXPECT_EQ(host_.records.Tenants().at("globex").ceilings, ceilings);
  EXPECT_EQ(host_.networks.Snapshot().at("acme").ceilings, network::Ceilings{});
}

TEST_F(UpdateNetworkTest, ChangesCeilingsWhileMachinesRunAndOnlyThoseThatAreNamed) {
  ASSERT_TRUE(world_.Create("acme", WebSpec()).ok());
  const std::vector<network::PortForward> forwards = {
      {.host_port = 8080, .machine = "web", .port = 80}};
  ASSERT_TRUE(world_.updates
                  .Update({.name = "acme",
                           .forwards = forwards,
                           .ceilings = {.out = kMiB, .in = kMiB, .vm_out = kMiB, .vm_in = kMiB}})
                  .ok());
  const auto changed =
      world_.updates.Update({.name = "acme", .ceilings = {.out = 2 * kMiB, .vm_in = 0}});
  ASSERT_TRUE(changed.ok()) << changed.status();
  const network::Ceilings wanted{.out = 2 * kMiB, .in = kMiB, .vm_out = kMiB, .vm_in = 0};
  EXPECT_EQ(changed->tenant.ceilings, wanted);
  EXPECT_EQ(host_.networks.Snapshot().at("acme").ceilings, wanted);
  EXPECT_EQ(host_.records.Tenants().at("acme").ceilings, wanted);
  EXPECT_EQ(host_.networks.Snapshot().at("acme").forwards, forwards) << "they stay";
  EXPECT_EQ(world_.directory.GetTenant("acme")->record.ceilings, wanted);
}

TEST_F(UpdateNetworkTest, ShowsCeilingsBeforeTheyAreSet) {
  const HostState before = StateOf(host_);
  const auto shown = world_.updates.Update(
      {.name = "acme", .mode = Mode::kValidateOnly, .ceilings = {.in = kMiB}});
  ASSERT_TRUE(shown.ok()) << shown.status();
  EXPECT_EQ(shown->tenant.ceilings, network::Ceilings{.in = kMiB});
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world_.directory.GetTenant("acme")->record.ceilings, network::Ceilings{});
}

TEST_F(UpdateNetworkTest, PutsCeilingsBackIfTheyFail) {
  const CeilingsChange first{.out = kMiB};
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .ceilings = first}).ok());
  const HostState before = StateOf(host_);
  const absl::Status failure = absl::InternalError("as the test wants");
  const CeilingsChange second{.out = 0, .vm_in = kMiB};
  host_.records.FailNext("PutTenant", failure);
  EXPECT_FALSE(world_.updates.Update({.name = "acme", .ceilings = second}).ok());
  host_.networks.FailNext("SetRules", failure);
  EXPECT_FALSE(world_.updates.Update({.name = "acme", .ceilings = second}).ok());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(host_.records.Tenants().at("acme").ceilings, network::Ceilings{.out = kMiB});
}

TEST_F(UpdateNetworkTest, RefusesCeilingsOutOfRangeNamingThem) {
  const struct {
    CeilingsChange change;
    const char* field;
  } cases[] = {{{.out = 65535}, "net.out_bytes"},
               {{.in = 1}, "net.in_bytes"},
               {{.vm_out = (uint64_t{64} << 30U) + 1}, "net.vm_out_bytes"},
               {{.vm_in = UINT64_MAX}, "net.vm_in_bytes"}};
  const HostState before = StateOf(host_);
  for (const auto& one : cases) {
    for (const Mode how : {Mode::kValidateOnly, Mode::kExecute}) {
      const absl::Status status =
          world_.updates.Update({.name = "acme", .mode = how, .ceilings = one.change}).status();
      EXPECT_EQ(ReasonOf(status), Reason::kFieldOutOfRange) << status;
      EXPECT_EQ(base::GetErrorInfo(status).field, one.field) << status;
    }
  }
  const CreateTenantOrder order{.name = "globex",
                                .primary = "globex-primary",
                                .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8},
                                .ceilings = {.in = 65535}};
  EXPECT_EQ(base::GetErrorInfo(world_.tenants.Create(order).status()).field, "net.in_bytes");
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_TRUE(world_.updates.Update({.name = "acme", .ceilings = {.in = 65536}}).ok());
}

TEST_F(UpdateNetworkTest, IsWhatTheRecordSaysAfterARestart) {
  host_.hypervisor.StopPrimary("acme-primary");
  ASSERT_EQ(SetMode(NetworkMode::kViaPrimary), absl::OkStatus());
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .ceilings = {.vm_out = kMiB}}).ok());
  ASSERT_EQ(host_.networks.RemoveNetwork({.tenant = "acme"}), absl::OkStatus());
  BrokerWorld next(host_);
  ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
  EXPECT_EQ(Live(), NetworkMode::kViaPrimary);
  EXPECT_EQ(host_.networks.Snapshot().at("acme").ceilings, network::Ceilings{.vm_out = kMiB});
}

}  // namespace
}  // namespace flatvm::broker
