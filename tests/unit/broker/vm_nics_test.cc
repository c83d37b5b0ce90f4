// Secondaries with NICs on further networks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "daemon/broker/vm_places.h"
#include "tests/unit/broker/vm_nics_fixture.h"

namespace flatvm::broker {
namespace {

using base::Reason;
using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST_F(VmNicsTest, HaveAPlaceOnEachNetworkInTheSpecsOrder) {
  const auto vm = world_.Create("acme", SpecOn({"backup", "storage"}));
  ASSERT_TRUE(vm.ok()) << vm.status();
  ASSERT_THAT(vm->nics, SizeIs(2));
  EXPECT_EQ(vm->nics[0].network, "backup");
  EXPECT_EQ(vm->nics[0].address.ToString(), "10.213.2.2");
  EXPECT_EQ(vm->nics[0].mac, "52:54:00:d5:02:02");
  EXPECT_EQ(vm->nics[0].ipv6_address->ToString(), "fd12:3456:78d5:200:5054:ff:fed5:202");
  EXPECT_EQ(vm->nics[1].network, "storage");
  EXPECT_EQ(vm->nics[1].address.ToString(), "10.213.1.2");
  EXPECT_EQ(host_.records.Vms().at(vm->id).nics, vm->nics);
  EXPECT_THAT(
      host_.hypervisor.Snapshot().domains.at(vm->id).nics,
      ElementsAre(hypervisor::DomainNic{.mac = vm->mac, .network = "flatvm-acme"},
                  hypervisor::DomainNic{.mac = vm->nics[0].mac, .network = "flatvm-acme.backup"},
                  hypervisor::DomainNic{.mac = vm->nics[1].mac, .network = "flatvm-acme.storage"}));
  EXPECT_EQ(LeasesOn("acme.storage").at(vm->nics[1].mac).hostname, "web");
  EXPECT_EQ(LeasesOn("acme.backup").at(vm->nics[0].mac).address, vm->nics[0].address);
  EXPECT_THAT(LeasesOn("acme"), SizeIs(2));
  const auto other = world_.Create("acme", SpecOn({"storage"}, "db"));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->nics[0].address.ToString(), "10.213.1.3");
  const auto plain = world_.Create("acme", WebSpec("plain"));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_THAT(plain->nics, SizeIs(0));
  const auto networks = world_.directory.ListNetworks("acme");
  EXPECT_EQ(networks->at(0).vms, 3U);
  EXPECT_EQ(networks->at(1).vms, 2U);
  EXPECT_EQ(networks->at(2).vms, 1U);
}

TEST_F(VmNicsTest, AreGivenBackByADestroy) {
  const HostState before = StateOf(host_);
  ASSERT_TRUE(world_.Create("acme", SpecOn({"storage", "backup"})).ok());
  ASSERT_TRUE(world_.Destroy("acme", "web").ok());
  EXPECT_EQ(StateOf(host_), before);
  const auto next = world_.Create("acme", SpecOn({"storage"}, "next"));
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->nics[0].address.ToString(), "10.213.1.2");
}

TEST_F(VmNicsTest, LeaveNothingBehindWhicheverStepOfACreateFails) {
  const HostState before = StateOf(host_);
  const std::pair<const char*, std::function<void()>> steps[] = {
      {"record", [&] { host_.records.FailNext("PutVm", failure_); }},
      {"lease", [&] { host_.networks.FailNext("AddLease", failure_); }},
      {"files", [&] { host_.storage.FailNext("CreateVmFiles", failure_); }},
      {"domain", [&] { host_.hypervisor.FailNext("StartDomain", failure_); }},
  };
  for (const auto& [name, fail] : steps) {
    fail();
    EXPECT_EQ(world_.Create("acme", SpecOn({"storage", "backup"})).status(), failure_) << name;
    EXPECT_EQ(StateOf(host_), before) << name;
  }
  const auto vm = world_.Create("acme", SpecOn({"storage", "backup"}));
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(vm->nics[0].address.ToString(), "10.213.1.2");
}

// The fake's own failures come before any effect; this one is of the second of three leases.
TEST_F(VmNicsTest, LeaveNoLeaseBehindIfALaterOneFails) {
  const HostState before = StateOf(host_);
  const network::NetworkId storage{.tenant = "acme", .network = "storage"};
  const network::Lease stranger{
      .hostname = "stranger", .mac = "52:54:00:d5:01:02", .address = {0x0AD50102}};
  ASSERT_EQ(host_.networks.AddLease(storage, stranger), absl::OkStatus());
  EXPECT_EQ(world_.Create("acme", SpecOn({"backup", "storage"})).status().code(),
            absl::StatusCode::kInternal);
  ASSERT_EQ(host_.networks.RemoveLease(storage, stranger), absl::OkStatus());
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(VmNicsTest, AreRefusedWithCodeAndField) {
  ASSERT_TRUE(world_.AddTenant("globex").ok());
  ASSERT_TRUE(world_.AddNetwork("globex", "other").ok());
  const HostState before = StateOf(host_);
  const struct {
    std::vector<std::string> networks;
    absl::StatusCode code;
    Reason reason;
  } cases[] = {
      {{"none"}, absl::StatusCode::kNotFound, Reason::kNetworkNotFound},
      {{"storage", "none"}, absl::StatusCode::kNotFound, Reason::kNetworkNotFound},
      {{"other"}, absl::StatusCode::kNotFound, Reason::kNetworkNotFound},
      {{"storage", "storage"}, absl::StatusCode::kInvalidArgument, Reason::kFieldMalformed},
      {{"default"}, absl::StatusCode::kInvalidArgument, Reason::kFieldMalformed},
      {{""}, absl::StatusCode::kInvalidArgument, Reason::kFieldMissing},
      {{"../x"}, absl::StatusCode::kInvalidArgument, Reason::kFieldMalformed},
      {{"a", "b", "c", "d"}, absl::StatusCode::kInvalidArgument, Reason::kFieldOutOfRange},
  };
  for (const auto& one : cases) {
    for (const Mode mode : {Mode::kValidateOnly, Mode::kExecute}) {
      const absl::Status status =
          world_.vms.Create({.tenant = "acme", .mode = mode, .spec = SpecOn(one.networks)})
              .status();
      EXPECT_EQ(status.code(), one.code) << status;
      EXPECT_EQ(ReasonOf(status), one.reason) << status;
      EXPECT_EQ(base::GetErrorInfo(status).field, "spec.networks") << status;
    }
  }
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(VmNicsTest, ArePartOfWhatARepeatedRequestIsComparedWith) {
  const auto first = world_.Create("acme", SpecOn({"storage"}), "request-1");
  const auto second = world_.Create("acme", SpecOn({"storage"}), "request-1");
  ASSERT_TRUE(first.ok() && second.ok()) << second.status();
  EXPECT_EQ(first->id, second->id);
  EXPECT_EQ(ReasonOf(world_.Create("acme", SpecOn({"backup"}), "request-1").status()),
            Reason::kRequestIdReused);
}

TEST_F(VmNicsTest, KeepTheirNetworkFromBeingRemoved) {
  const auto vm = world_.Create("acme", SpecOn({"storage"}));
  ASSERT_TRUE(vm.ok()) << vm.status();
  const auto remove = [&](const char* name, Mode mode = Mode::kExecute) {
    return world_.networks.Remove({.tenant = "acme", .mode = mode, .name = name});
  };
  const HostState before = StateOf(host_);
  for (const Mode mode : {Mode::kValidateOnly, Mode::kExecute}) {
    const absl::Status refused = remove("storage", mode);
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(refused), Reason::kNetworkInUse);
    EXPECT_EQ(base::GetErrorInfo(refused).field, "name");
  }
  EXPECT_EQ(StateOf(host_), before);
  world_.reconciler.OnDomainStopped(vm->id);
  EXPECT_EQ(ReasonOf(remove("storage")), Reason::kNetworkInUse) << "also while it is stopped";
  EXPECT_EQ(remove("backup"), absl::OkStatus());
  ASSERT_TRUE(world_.Destroy("acme", "web").ok());
  EXPECT_EQ(remove("storage"), absl::OkStatus());
  EXPECT_EQ(ReasonOf(world_.Create("acme", SpecOn({"storage"})).status()),
            Reason::kNetworkNotFound);
}

TEST_F(VmNicsTest, OnAnOperatorsBridgeHaveAMacAndNoAddress) {
  host_.networks.AddBridge("br0", true);
  ASSERT_TRUE(world_.networks
                  .Add({.tenant = "acme",
                        .name = "lan",
                        .network_mode = network::NetworkMode::kBridge,
                        .bridge = "br0",
                        .vlan = 100})
                  .ok());
  const auto vm = world_.Create("acme", SpecOn({"lan", "storage"}));
  ASSERT_TRUE(vm.ok()) << vm.status();
  ASSERT_THAT(vm->nics, SizeIs(2));
  EXPECT_EQ(vm->nics[0].address, network::Ipv4Address{});
  EXPECT_EQ(vm->nics[0].ipv6_address, std::nullopt);
  EXPECT_EQ(vm->nics[0].mac.substr(0, 3), "52:");
  EXPECT_EQ(host_.hypervisor.Snapshot().domains.at(vm->id).nics.at(1),
            (hypervisor::DomainNic{.mac = vm->nics[0].mac, .network = "", .bridge = "br0"}));
  EXPECT_EQ(host_.hypervisor.Snapshot().domains.at(vm->id).nics.at(2).network,
            "flatvm-acme.storage");
  EXPECT_EQ(LeasesOn("acme.lan").at(vm->nics[0].mac).hostname, "web");
  const auto other = world_.Create("acme", SpecOn({"lan"}, "db"));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(other->nics[0].mac, vm->nics[0].mac);

  const HostState before = StateOf(host_);
  BrokerWorld next(host_);
  ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(ReasonOf(next.networks.Remove({.tenant = "acme", .name = "lan"})),
            Reason::kNetworkInUse);
  host_.networks.RemoveBridge("br0");
  EXPECT_EQ(ReasonOf(next.Create("acme", SpecOn({"lan"}, "late")).status()),
            Reason::kBridgeUnusable);
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_TRUE(next.Destroy("acme", "web").ok());
  EXPECT_TRUE(next.Destroy("acme", "db").ok());
  EXPECT_THAT(LeasesOn("acme.lan"), SizeIs(0));
}

TEST_F(VmNicsTest, RunOutWithTheirSubnetAndLeaveNothing) {
  VmRecord full = *world_.Create("acme", SpecOn({"storage"}));
  TenantRecord tenant = host_.records.Tenants().at("acme");
  tenant.networks[0].subnet.prefix_length = 29;  // five machines
  tenant.limits = {.memory_mib = 65536, .vcpus = 64, .vms = 64, .disk_mib = 4096};
  ASSERT_TRUE(host_.records.PutTenant(tenant).ok());
  BrokerWorld next(host_);
  ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
  for (const char* name : {"b", "c", "d", "e"}) {
    ASSERT_TRUE(next.Create("acme", SpecOn({"storage"}, name)).ok()) << name;
  }
  const HostState before = StateOf(host_);
  EXPECT_EQ(ReasonOf(next.Create("acme", SpecOn({"storage"}, "f")).status()), Reason::kSubnetFull);
  EXPECT_EQ(StateOf(host_), before);
  const auto plain = next.Create("acme", WebSpec("f"));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->address.ToString(), "10.213.0.8") << "none of the first network's was lost";
}

}  // namespace
}  // namespace flatvm::broker
