// flatvmd is killed, or the power fails, at every step of what moves an image, and again at every
// step of what the next flatvmd does then: the state is the old one or the new one, whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/steps.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/broker/quota_fixture.h"

namespace flatvm::broker {
namespace {

using Action = std::function<absl::Status(BrokerWorld&)>;

// A request and what comes before it.
struct Scenario {
  const char* name;
  Action prepare;
  Action request;  // with an id: it may be sent again
  // What besides the old and the new state may be there when nobody sends it again, as Describe has
  // it.
  std::set<std::string> between;
  bool shares_blocks = false;  // images leave their disk while the guest lets go of it
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

absl::Status Nothing(BrokerWorld& /*world*/) { return absl::OkStatus(); }

absl::Status Move(BrokerWorld& world) {
  return world.volumes
      .Create({.tenant = "acme", .request_id = "move", .name = "web", .quota_path = kImagePath})
      .status();
}

absl::Status MakeSecondary(BrokerWorld& world) {
  return world.Create("acme", WebOfImage(), "make").status();
}

Action DeleteWith(DiskFate fate) {
  return [fate](BrokerWorld& world) {
    return world.volumes
        .Delete({.tenant = "acme", .request_id = "delete", .volume = "web", .fate = fate})
        .status();
  };
}

Action DestroyWith(DiskFate fate) {
  return [fate](BrokerWorld& world) {
    return world.vms.Destroy({.tenant = "acme", .request_id = "destroy", .vm = "web", .fate = fate})
        .status();
  };
}

const char* NameOf(VmState state) {
  if (state == VmState::kRunning) return "running";
  return state == VmState::kDestroying ? "destroying" : "in another state";
}

// What its tenant sees.
std::string Describe(BrokerWorld& world) {
  const fakes::FakeQuotaDisk disk = world.host.quota_disks.Snapshot().disks["acme"];
  std::string text = base::StrCat("a disk of ", disk.size_mib);
  for (const auto& [path, bytes] : disk.images) {
    text += base::StrCat(", ", path, " of ", bytes / base::kMebibyte);
  }
  const auto volumes = world.directory.ListVolumes("acme");
  for (const VolumeView& view : *volumes) {
    text += base::StrCat(", volume ", view.volume.name, " of ", view.volume.size_mib);
  }
  for (const auto& [id, vm] : world.host.records.Vms()) {
    text += base::StrCat(", ", vm.spec.name, " ", NameOf(vm.state));
  }
  return text;
}

// What is so whenever no change is under way: records, files and the primary agree.
void ExpectWhole(BrokerWorld& world) {
  FakeHost& host = world.host;
  const auto disks = host.quota_disks.Snapshot();
  EXPECT_TRUE(disks.beside.empty());
  EXPECT_TRUE(disks.inserted.empty());
  const fakes::FakeQuotaDisk& disk = disks.disks.at("acme");
  std::map<std::string, fakes::FakeVolume> files;
  uint32_t moved_mib = 0;
  for (const auto& [id, volume] : host.records.Volumes()) {
    EXPECT_EQ(volume.state, VolumeState::kReady);
    files[id].size_mib = volume.size_mib;
    moved_mib += volume.quota_mib;
  }
  EXPECT_EQ(host.storage.Snapshot().at("acme").volumes, files);
  EXPECT_EQ(disk.size_mib, kQuotaMib - moved_mib);
  EXPECT_EQ(world.Used("acme").disk_mib, kQuotaMib);
  EXPECT_LE(disk.images.size() + files.size(), 1U);

  const auto primaries = host.primary_disks.Snapshot();
  ASSERT_EQ(primaries.size(), 1U);
  const fakes::FakeDisks& plugged = primaries.begin()->second;
  ASSERT_EQ(plugged.live.size(), 1U);
  EXPECT_EQ(plugged.live[0].path, kQuotaDisk);
  EXPECT_EQ(plugged.defined, plugged.live);
  EXPECT_EQ(plugged.sizes_bytes.at(kQuotaDisk), disk.size_mib * base::kMebibyte);

  size_t running = 0;
  for (const auto& [id, vm] : host.records.Vms()) {
    if (vm.state != VmState::kRunning) continue;
    ++running;
    EXPECT_TRUE(host.hypervisor.Snapshot().domains.contains(id));
    EXPECT_TRUE(files.contains(vm.own_volume));
  }
  EXPECT_EQ(host.hypervisor.Snapshot().domains.size(), running);
}

constexpr size_t kNever = SIZE_MAX;

// A host with the tenant, and the flatvmd that runs on it.
struct Machine {
  explicit Machine(bool shares_blocks) : world(std::make_unique<BrokerWorld>(host)) {
    host.quota_disks.extracts_early = shares_blocks;
    AddQuotaTenant(*world);
  }
  FakeHost host;
  std::unique_ptr<BrokerWorld> world;
};

// As it is before the request.
std::unique_ptr<Machine> Prepare(const Scenario& scenario) {
  auto machine = std::make_unique<Machine>(scenario.shares_blocks);
  EXPECT_TRUE(scenario.prepare(*machine->world).ok());
  return machine;
}

// Calls `act`, which is cut off at its nth step. Returns those that it passed.
std::vector<std::string> CutAt(size_t nth, FakeHost& host, const std::function<void()>& act) {
  std::vector<std::string> passed;
  host.on_step = [&](base::Step step) {
    passed.emplace_back(step.info().name);
    if (passed.size() - 1 == nth) host.CutOff();
  };
  act();
  host.on_step = nullptr;
  return passed;
}

// As CutAt; flatvmd is gone then.
std::vector<std::string> Request(const Scenario& scenario, Machine& machine, size_t nth = kNever) {
  std::vector<std::string> passed =
      CutAt(nth, machine.host, [&] { static_cast<void>(scenario.request(*machine.world)); });
  machine.world.reset();
  machine.host.Revive();
  return passed;
}

// The next one starts, and is cut off in turn.
std::vector<std::string> Start(Machine& machine, size_t nth = kNever) {
  machine.world = std::make_unique<BrokerWorld>(machine.host);
  return CutAt(nth, machine.host, [&] {
    static_cast<void>(machine.world->reconciler.ReconcileAtStart(*machine.host.records.Load()));
  });
}

class QuotaCrashTest : public ::testing::TestWithParam<Scenario> {
 protected:
  // Of `machine`, whose flatvmd has started again.
  void ExpectOldOrNew(Machine& machine) {
    ExpectWhole(*machine.world);
    const std::string found = Describe(*machine.world);
    EXPECT_THAT(allowed_, ::testing::Contains(found));
    // Sent again by a client that got no answer.
    const absl::Status again = GetParam().request(*machine.world);
    EXPECT_TRUE(again.ok() || (found == after_ && absl::IsNotFound(again))) << again;
    EXPECT_EQ(Describe(*machine.world), after_);
    ExpectWhole(*machine.world);
  }

  std::string after_;
  std::set<std::string> allowed_;
};

TEST_P(QuotaCrashTest, EndsInTheOldOrTheNewState) {
  const Scenario& scenario = GetParam();
  const std::unique_ptr<Machine> whole = Prepare(scenario);
  const std::string before = Describe(*whole->world);
  ASSERT_TRUE(scenario.request(*whole->world).ok());
  ExpectWhole(*whole->world);
  after_ = Describe(*whole->world);
  ASSERT_NE(before, after_);
  allowed_ = scenario.between;
  allowed_.insert({before, after_});

  const std::vector<std::string> steps = Request(scenario, *Prepare(scenario));
  ASSERT_GT(steps.size(), 3U);
  for (size_t nth = 0; nth < steps.size(); ++nth) {
    SCOPED_TRACE(base::StrCat("killed at ", steps[nth]));
    const std::unique_ptr<Machine> once = Prepare(scenario);
    Request(scenario, *once, nth);
    const std::vector<std::string> repairs = Start(*once);
    ExpectOldOrNew(*once);

    for (size_t repair = 0; repair < repairs.size(); ++repair) {
      SCOPED_TRACE(base::StrCat("and again at ", repairs[repair]));
      const std::unique_ptr<Machine> twice = Prepare(scenario);
      Request(scenario, *twice, nth);
      Start(*twice, repair);
      twice->world.reset();
      twice->host.Revive();
      Start(*twice);
      ExpectOldOrNew(*twice);
    }
  }
}

const Scenario kScenarios[] = {
    {.name = "Out", .prepare = Nothing, .request = Move, .between = {}},
    {.name = "OutMeanwhile",
     .prepare = Nothing,
     .request = Move,
     .between = {},
     .shares_blocks = true},
    {.name = "Back", .prepare = Move, .request = DeleteWith(DiskFate::kReturn), .between = {}},
    {.name = "Delete", .prepare = Move, .request = DeleteWith(DiskFate::kDelete), .between = {}},
    {.name = "Create",
     .prepare = Nothing,
     .request = MakeSecondary,
     // The image is never lost: whoever sends it again gets its secondary of that volume.
     .between = {"a disk of 501, volume web of 11"}},
    {.name = "CreateMeanwhile",
     .prepare = Nothing,
     .request = MakeSecondary,
     .between = {"a disk of 501, volume web of 11"},
     .shares_blocks = true},
    {.name = "Destroy",
     .prepare = MakeSecondary,
     .request = DestroyWith(DiskFate::kDelete),
     .between = {}},
    {.name = "DestroyWithReturn",
     .prepare = MakeSecondary,
     .request = DestroyWith(DiskFate::kReturn),
     // Nobody but its tenant takes the quota disk away: its disk waits for that.
     .between = {"a disk of 501, volume web of 11, web destroying"}},
};

INSTANTIATE_TEST_SUITE_P(All, QuotaCrashTest, ::testing::ValuesIn(kScenarios),
                         [](const auto& scenario) { return scenario.param.name; });

TEST(QuotaCrashStepsTest, AreAllThatFlatvmdHas) {
  std::set<std::string> passed;
  for (const Scenario& scenario : kScenarios) {
    for (const std::string& step : Request(scenario, *Prepare(scenario))) passed.insert(step);
  }
  std::set<std::string> table;
  for (const base::StepInfo& step : base::kSteps) {
    if (step.program == base::Program::kFlatvmd) table.emplace(step.name);
  }
  EXPECT_EQ(passed, table);
}

// The request to let go of it outlives the flatvmd that made it.
TEST_F(QuotaTest, ADiskThatTheGuestLetsGoOfBehindARestartComesBack) {
  CutAt(1, host_, [&] { static_cast<void>(Move()); });
  host_.Revive();
  BrokerWorld& next = Restart();
  next.reconciler.RetryLeftovers();
  EXPECT_TRUE(Plugged());
  const std::string primary = host_.primary_disks.Snapshot().begin()->first;
  ASSERT_TRUE(host_.primary_disks.Detach(primary, kQuotaDisk, std::chrono::seconds(1)).ok());
  next.reconciler.RetryLeftovers();
  EXPECT_TRUE(Plugged());
}

}  // namespace
}  // namespace flatvm::broker
