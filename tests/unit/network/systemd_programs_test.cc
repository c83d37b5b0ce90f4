#include "network/dnsmasq/systemd_programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "daemon/base/error.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/gate/fake_manager.h"

namespace flatvm::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

const ServerProgram kAcme{
    .name = "fv-0ad50400", .folder = "/run/flatvm/dnsmasq/fv-0ad50400", .tenant = "acme-2"};
const ServerProgram kAdvertiser{
    .name = "advertisements", .folder = "/run/flatvm/dnsmasq/x", .watches_host = true};
constexpr char kUnit[] = "flatvm-dnsmasq-fv-0ad50400.service";

class SystemdProgramsTest : public ::testing::Test {
 protected:
  fakes::TempDir dir_;
  gate::FakeManager manager_;
  SystemdPrograms programs_{{.root = dir_.path() + "/root",
                             .open_bus = [this](sd_bus** bus) { return manager_.Open(bus); }}};
};

const systemd::UnitProperty* FindProperty(const std::vector<systemd::UnitProperty>& properties,
                                          const std::string& name) {
  const auto found = std::find_if(properties.begin(), properties.end(),
                                  [&](const auto& property) { return property.name == name; });
  return found == properties.end() ? nullptr : &*found;
}

TEST(DnsmasqUnit, HasANameThatLeadsBack) {
  EXPECT_EQ(DnsmasqUnitName("fv-0ad50400"), kUnit);
  EXPECT_EQ(NameOfDnsmasqUnit(kUnit), "fv-0ad50400");
  for (const char* other : {"flatvm-dnsmasq-.service", "flatvm-front-acme.service",
                            "flatvm-dnsmasq-fv-0ad50400.scope", ""}) {
    EXPECT_EQ(NameOfDnsmasqUnit(other), "") << other;
  }
}

TEST(DnsmasqUnit, SeesNothingOfTheHostsFilesButItsOwnFolder) {
  const auto properties = DnsmasqUnitProperties(kAcme, {});
  const auto* root = FindProperty(properties, "RootDirectory");
  ASSERT_NE(root, nullptr);
  EXPECT_EQ(std::get<std::string>(root->value), "/run/flatvm/root");
  const auto* paths = FindProperty(properties, "BindReadOnlyPaths");
  ASSERT_NE(paths, nullptr);
  EXPECT_FALSE(std::get<systemd::BindPaths>(paths->value).paths.empty());
  for (const auto& [path, if_there] : std::get<systemd::BindPaths>(paths->value).paths) {
    EXPECT_TRUE(path == kAcme.folder || path == "/usr" || path.starts_with("/lib") ||
                path == "/etc/passwd" || path == "/etc/group" || path == "/etc/ld.so.cache")
        << path;
  }
}

TEST(DnsmasqUnit, IsToldOfTheHostsAddressesOnlyIfItWatchesThem) {
  const auto properties = DnsmasqUnitProperties(kAcme, {});
  const auto* quiet = FindProperty(properties, "Environment");
  ASSERT_NE(quiet, nullptr);
  EXPECT_EQ(std::get<std::vector<std::string>>(quiet->value),
            (std::vector<std::string>{"LD_PRELOAD=/usr/libexec/flatvm/flatvm-quiet-netlink.so"}));
  EXPECT_EQ(FindProperty(DnsmasqUnitProperties(kAdvertiser, {}), "Environment"), nullptr);
}

TEST(DnsmasqUnit, MayNoMoreThanItNeeds) {
  constexpr uint64_t kBind = uint64_t{1} << 10U;
  constexpr uint64_t kAdmin = uint64_t{1} << 12U;
  constexpr uint64_t kRaw = uint64_t{1} << 13U;
  for (const auto& [program, capabilities] :
       {std::pair(kAcme, kAdmin | kBind), std::pair(kAdvertiser, kAdmin | kRaw)}) {
    const auto properties = DnsmasqUnitProperties(program, {});
    using systemd::FilterList;
    using systemd::UnitProperty;
    EXPECT_THAT(properties,
                IsSupersetOf(std::vector<UnitProperty>{
                    {"DynamicUser", true},
                    {"NoNewPrivileges", true},
                    {"CapabilityBoundingSet", capabilities},
                    {"AmbientCapabilities", capabilities},
                    {"ProtectProc", std::string("invisible")},
                    {"RestrictNamespaces", uint64_t{0}},
                    {"RestrictAddressFamilies",
                     FilterList{true, {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}}},
                    {"SystemCallFilter", FilterList{true, {"@system-service"}}},
                    {"TasksMax", uint64_t{32}},
                    {"MemoryMax", uint64_t{32} << 20U}}));
  }
}

TEST_F(SystemdProgramsTest, KnowsOneThatAnotherBuildStarted) {
  const SystemdPrograms other({.program = "/usr/local/sbin/dnsmasq"});
  const SystemdPrograms same({.root = dir_.path() + "/root"});
  EXPECT_EQ(same.Terms(kAcme), programs_.Terms(kAcme));
  EXPECT_NE(other.Terms(kAcme), programs_.Terms(kAcme));
  EXPECT_NE(programs_.Terms(kAdvertiser), programs_.Terms(kAcme));
}

TEST_F(SystemdProgramsTest, StartsAUnitInTheTenantsSlice) {
  ASSERT_EQ(programs_.Start(kAcme), absl::OkStatus());
  EXPECT_THAT(manager_.calls(), ElementsAre(std::string("StartTransientUnit ") + kUnit));
  // Types as org.freedesktop.systemd1(5) has them.
  EXPECT_THAT(manager_.properties(), IsSupersetOf(std::map<std::string, std::string>{
                                         {"Slice", "s flatvm-acme\\x2d2.slice"},
                                         {"Type", "s forking"},
                                         {"Restart", "s always"},
                                         {"ExecStart", "a(sasb)"},
                                         {"Environment", "as"},
                                         {"BindReadOnlyPaths", "a(ssbt)"},
                                         {"RootDirectory", "s " + dir_.path() + "/root"},
                                         {"DynamicUser", "b"},
                                         {"AmbientCapabilities", "t"},
                                         {"MemoryMax", "t"}}));
}

TEST_F(SystemdProgramsTest, StartsWhatIsNoTenantsBesideFlatvmd) {
  ASSERT_EQ(programs_.Start(kAdvertiser), absl::OkStatus());
  EXPECT_EQ(manager_.properties().at("Slice"), "s flatvmd.slice");
}

TEST_F(SystemdProgramsTest, PutsItInThePlaceOfOneThatIsThere) {
  manager_.FailNext("org.freedesktop.systemd1.UnitExists");
  ASSERT_EQ(programs_.Start(kAcme), absl::OkStatus());
  const std::string unit = kUnit;
  EXPECT_THAT(manager_.calls(), ElementsAre("StartTransientUnit " + unit, "StopUnit " + unit,
                                            "StartTransientUnit " + unit));
}

TEST_F(SystemdProgramsTest, FailsIfItDoesNotServe) {
  manager_.SetJobResult("failed");
  EXPECT_EQ(programs_.Start(kAcme).code(), absl::StatusCode::kInternal);
}

TEST_F(SystemdProgramsTest, StopsAndListsThem) {
  ASSERT_EQ(programs_.Stop("fv-0ad50400"), absl::OkStatus());
  EXPECT_THAT(manager_.calls(), ElementsAre(std::string("StopUnit ") + kUnit));
  manager_.FailNext("org.freedesktop.systemd1.NoSuchUnit");
  EXPECT_EQ(programs_.Stop("fv-0ad50400"), absl::OkStatus()) << "there is none";
  manager_.SetUnits({kUnit, "flatvm-dnsmasq-advertisements.service"});
  EXPECT_THAT(*programs_.ListRunning(), ElementsAre("advertisements", "fv-0ad50400"));
}

TEST_F(SystemdProgramsTest, CannotTellOneThatDoesNotRun) {
  manager_.FailNext("org.freedesktop.systemd1.NoSuchUnit");
  EXPECT_EQ(programs_.Reload("fv-0ad50400").code(), absl::StatusCode::kInternal);
  EXPECT_THAT(manager_.calls(), ElementsAre(std::string("KillUnit ") + kUnit));
}

TEST(SystemdPrograms, SaysThatSystemdIsOutOfReach) {
  const fakes::TempDir dir;
  SystemdPrograms programs(
      {.root = dir.path(), .open_bus = [](sd_bus**) { return -ECONNREFUSED; }});
  for (const absl::Status& status :
       {programs.Start(kAcme), programs.Stop("x"), programs.Reload("x"),
        programs.Runs("x").status(), programs.ListRunning().status()}) {
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kServiceManagerUnavailable);
  }
}

}  // namespace
}  // namespace flatvm::network
