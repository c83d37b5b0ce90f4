#include "network/dnsmasq/dnsmasq_servers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "tests/fakes/fake_log.h"
#include "tests/fakes/fake_server_programs.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/network/acme_spec.h"

namespace flatvm::network {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kBridge[] = "fv-0ad50400";
constexpr char kAdvertiser[] = "advertisements";

class DnsmasqServersTest : public ::testing::Test {
 protected:
  DnsmasqServersTest() { SetResolvers("nameserver 192.0.2.53\n"); }

  void SetResolvers(const std::string& text) {
    std::ofstream(dir_.path() + "/resolv.conf") << text;
  }
  std::string Read(const std::string& name) const {
    return base::ReadFile(folder_ + "/" + name, 100'000).value_or("");
  }
  std::string ReadOf(const char* name) const { return Read(std::string(kBridge) + "/" + name); }
  int Starts(const std::string& name = kBridge) const {
    return programs_.running().at(name).starts;
  }
  int Reloads() const { return programs_.running().at(kBridge).reloads; }
  static NetworkSpec WithPrefix(NetworkSpec spec) {
    spec.prefix = *ParseIpv6Prefix("test", "fd12:3456:78d5:400::/64");
    return spec;
  }
  static absl::Status Failure() { return base::InternalError("ordered"); }

  const Lease db_ = MakeLease("db", "52:54:00:d5:04:04", "10.213.4.4");
  fakes::TempDir dir_;
  const std::string folder_ = dir_.path() + "/run/dnsmasq";
  fakes::FakeLog log_;
  fakes::FakeServerPrograms programs_;
  const DnsmasqSettings settings_{.folder = folder_, .resolvers = dir_.path() + "/resolv.conf"};
  DnsmasqServers servers_{settings_, programs_, log_};
};

TEST_F(DnsmasqServersTest, StartsOneInItsTenantsName) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  const ServerProgram program = programs_.running().at(kBridge).program;
  EXPECT_EQ(program.tenant, "acme");
  EXPECT_EQ(program.folder, folder_ + "/" + kBridge);
  EXPECT_FALSE(program.watches_host);
  EXPECT_THAT(ReadOf("dnsmasq.conf"), HasSubstr("addn-hosts=" + program.folder + "/names\n"));
  EXPECT_THAT(ReadOf("hosts"), HasSubstr("web-1.acme.internal"));
  EXPECT_THAT(ReadOf("names"), HasSubstr("10.213.4.3 web-1.acme.internal"));
  EXPECT_EQ(ReadOf("resolv.conf"), "nameserver 192.0.2.53\n");
  EXPECT_FALSE(programs_.running().contains(kAdvertiser)) << "it has no prefix";
}

// It runs as a user that nobody knows before.
TEST_F(DnsmasqServersTest, WritesFilesThatEverybodyMayRead) {
  const mode_t before = ::umask(0077);
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  ::umask(before);
  struct stat info {};
  ASSERT_EQ(::stat((folder_ + "/" + kBridge).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0755U);
  ASSERT_EQ(::stat((folder_ + "/" + kBridge + "/hosts").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0644U);
}

TEST_F(DnsmasqServersTest, LeavesOneAloneThatIsAsWanted) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(Starts(), 1);
  EXPECT_EQ(Reloads(), 0);
  // Also a new flatvmd, which has the files only.
  DnsmasqServers next(settings_, programs_, log_);
  ASSERT_EQ(next.Ensure(Acme(), BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(Starts(), 1);
}

TEST_F(DnsmasqServersTest, StartsOneAnewThatIsNotAsWanted) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  EXPECT_EQ(Starts(), 2) << "the bridge is another";
  NetworkSpec other = Acme();
  other.leases.pop_back();
  ASSERT_EQ(servers_.Ensure(other, BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(Starts(), 3) << "it may have given out what is not there any more";
  EXPECT_THAT(ReadOf("hosts"), Not(HasSubstr("web-1")));
  other.mode = NetworkMode::kIsolated;
  ASSERT_EQ(servers_.Ensure(other, BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(Starts(), 4);
  programs_.End(kBridge);
  ASSERT_EQ(servers_.Ensure(other, BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(Starts(), 5);
  programs_.SetTerms("of another build ");
  ASSERT_EQ(servers_.Ensure(other, BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(Starts(), 6);
}

TEST_F(DnsmasqServersTest, TellsItOfMachinesThatComeAndGo) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  ASSERT_EQ(servers_.AddMachine(kBridge, db_), absl::OkStatus());
  EXPECT_THAT(ReadOf("hosts"), HasSubstr("52:54:00:d5:04:04,10.213.4.4,db.acme.internal\n"));
  EXPECT_THAT(ReadOf("names"), HasSubstr("10.213.4.4 db.acme.internal db\n"));
  EXPECT_EQ(Reloads(), 1);
  ASSERT_EQ(servers_.AddMachine(kBridge, db_), absl::OkStatus());
  EXPECT_EQ(Reloads(), 1) << "it is there";
  ASSERT_EQ(servers_.RemoveMachine(kBridge, db_), absl::OkStatus());
  EXPECT_EQ(Reloads(), 2);
  EXPECT_THAT(ReadOf("hosts"), Not(HasSubstr("db")));
  ASSERT_EQ(servers_.RemoveMachine(kBridge, db_), absl::OkStatus());
  EXPECT_EQ(Reloads(), 2);
  EXPECT_EQ(Starts(), 1);
}

TEST_F(DnsmasqServersTest, TellsItAgainWhatItCouldNotBeTold) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  programs_.FailNext("Reload", Failure());
  programs_.FailNext("Start", Failure());
  EXPECT_EQ(servers_.AddMachine(kBridge, db_), Failure());
  EXPECT_EQ(servers_.AddMachine(kBridge, db_), absl::OkStatus());
  EXPECT_EQ(Reloads(), 1);
}

// Of a machine that it was not told of, for one.
TEST_F(DnsmasqServersTest, LeavesNothingOfWhatItCouldNotBeTold) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  const std::string hosts = ReadOf("hosts");
  programs_.FailNext("Reload", Failure());
  programs_.FailNext("Start", Failure());
  ASSERT_EQ(servers_.AddMachine(kBridge, db_), Failure());
  EXPECT_EQ(ReadOf("hosts"), hosts);
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(Starts(), 2) << "nobody knows what it read";
}

TEST_F(DnsmasqServersTest, TellsItWithWhatItMayHaveBeenToldTakenBack) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  const auto fail = [this] {
    programs_.FailNext("Reload", Failure());
    programs_.FailNext("Start", Failure());
    ASSERT_EQ(servers_.AddMachine(kBridge, db_), Failure());
  };
  fail();
  ASSERT_EQ(servers_.RemoveMachine(kBridge, db_), absl::OkStatus());
  EXPECT_EQ(Reloads(), 1);
  fail();
  ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
  EXPECT_EQ(Reloads(), 2);
  ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
  EXPECT_EQ(Reloads(), 2);
}

TEST_F(DnsmasqServersTest, DoesNotStopAnEarlierFlatvmdsAdvertiserBeforeItKnowsAllNetworks) {
  NetworkSpec without = Acme();
  without.subnet = *ParseIpv4Subnet("test", "10.213.5.0/24");
  ASSERT_EQ(servers_.Ensure(without, BridgeAge::kNew), absl::OkStatus());
  ASSERT_EQ(servers_.Ensure(WithPrefix(Acme()), BridgeAge::kNew), absl::OkStatus());
  DnsmasqServers next(settings_, programs_, log_);
  ASSERT_EQ(next.Ensure(without, BridgeAge::kAsBefore), absl::OkStatus());
  ASSERT_EQ(next.Ensure(WithPrefix(Acme()), BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(Starts(kAdvertiser), 1);
}

TEST_F(DnsmasqServersTest, StartsOneAnewWhoseStartFailed) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  NetworkSpec isolated = Acme();
  isolated.mode = NetworkMode::kIsolated;
  programs_.FailNext("Start", Failure());
  ASSERT_EQ(servers_.Ensure(isolated, BridgeAge::kAsBefore), Failure());
  // The files are as they are to be, and the other one may still run.
  ASSERT_EQ(servers_.Ensure(isolated, BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(Starts(), 2);
}

TEST_F(DnsmasqServersTest, ReplacesWhatSomebodyWroteIntoItsFiles) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  const std::string config = ReadOf("dnsmasq.conf");
  std::ofstream(folder_ + "/" + kBridge + "/dnsmasq.conf") << "log-queries\n";
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(ReadOf("dnsmasq.conf"), config);
  EXPECT_EQ(Starts(), 2);
}

TEST_F(DnsmasqServersTest, StartsOneThatCannotBeTold) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  programs_.End(kBridge);
  EXPECT_EQ(servers_.AddMachine(kBridge, db_), absl::OkStatus());
  EXPECT_EQ(Starts(), 2);
}

TEST_F(DnsmasqServersTest, RefusesAMachineThatSharesSomethingWithAnother) {
  EXPECT_EQ(servers_.AddMachine(kBridge, db_).code(), absl::StatusCode::kInternal) << "no network";
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  for (const Lease& lease :
       {MakeLease("web-1", db_.mac, "10.213.4.4"), MakeLease("db", Web().mac, "10.213.4.4"),
        MakeLease("db", db_.mac, "10.213.4.3")}) {
    EXPECT_EQ(servers_.AddMachine(kBridge, lease).code(), absl::StatusCode::kInternal);
  }
  EXPECT_EQ(Reloads(), 0);
}

TEST_F(DnsmasqServersTest, LeavesNothingOfANetworkThatGoes) {
  EXPECT_EQ(servers_.Remove(kBridge), absl::OkStatus()) << "there is none";
  ASSERT_EQ(servers_.Ensure(WithPrefix(Acme()), BridgeAge::kNew), absl::OkStatus());
  programs_.FailNext("Stop", Failure());
  EXPECT_EQ(servers_.Remove(kBridge), Failure());
  EXPECT_EQ(servers_.Remove(kBridge), absl::OkStatus());
  EXPECT_THAT(programs_.running(), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

// Whose flatvmd has not been asked for it since its start.
TEST_F(DnsmasqServersTest, RemovesWhatAnEarlierFlatvmdLeft) {
  ASSERT_EQ(servers_.Ensure(WithPrefix(Acme()), BridgeAge::kNew), absl::OkStatus());
  DnsmasqServers next(settings_, programs_, log_);
  ASSERT_EQ(next.Remove(kBridge), absl::OkStatus());
  EXPECT_THAT(programs_.running(), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(DnsmasqServersTest, HasOneThatAdvertisesWhileThereIsAPrefix) {
  NetworkSpec other = WithPrefix(Acme());
  other.subnet = *ParseIpv4Subnet("test", "10.213.5.0/24");
  ASSERT_EQ(servers_.Ensure(WithPrefix(Acme()), BridgeAge::kNew), absl::OkStatus());
  ASSERT_EQ(servers_.Ensure(other, BridgeAge::kNew), absl::OkStatus());
  EXPECT_EQ(Starts(kAdvertiser), 1);
  EXPECT_TRUE(programs_.running().at(kAdvertiser).program.watches_host);
  EXPECT_EQ(programs_.running().at(kAdvertiser).program.tenant, "");
  EXPECT_THAT(Read("advertisements/dnsmasq.conf"), HasSubstr("enable-ra"));
  ASSERT_EQ(servers_.Remove("fv-0ad50500"), absl::OkStatus());
  EXPECT_TRUE(programs_.running().contains(kAdvertiser)) << "acme has a prefix";
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_FALSE(programs_.running().contains(kAdvertiser));
  ASSERT_EQ(servers_.Ensure(WithPrefix(Acme()), BridgeAge::kAsBefore), absl::OkStatus());
  EXPECT_EQ(Starts(kAdvertiser), 2);
}

TEST_F(DnsmasqServersTest, StartsWhatSomebodyStopped) {
  ASSERT_EQ(servers_.Ensure(WithPrefix(Acme()), BridgeAge::kNew), absl::OkStatus());
  ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
  EXPECT_THAT(log_.Lines(), IsEmpty()) << "nothing to do, and nothing to say";
  programs_.End(kBridge);
  programs_.End(kAdvertiser);
  ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
  EXPECT_EQ(Starts(), 2);
  EXPECT_EQ(Starts(kAdvertiser), 2);
  EXPECT_TRUE(log_.Has("server of network flatvm-acme had been stopped; it was started anew"));
  EXPECT_TRUE(log_.Has("what advertises tenants' prefixes had been stopped; it was started anew"));
  programs_.End(kBridge);
  programs_.FailNext("Start", Failure());
  ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
  EXPECT_TRUE(log_.Has("had been stopped and does not start: ordered"));
  ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
  EXPECT_EQ(Starts(), 3);
}

TEST_F(DnsmasqServersTest, DoesNotStartWhatIsNotWanted) {
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  ASSERT_EQ(servers_.Remove(kBridge), absl::OkStatus());
  ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
  EXPECT_THAT(programs_.running(), IsEmpty());
}

TEST_F(DnsmasqServersTest, TellsMachinesThatMayLeaveOfTheHostsNewResolvers) {
  NetworkSpec isolated = Acme();
  isolated.subnet = *ParseIpv4Subnet("test", "10.213.5.0/24");
  isolated.mode = NetworkMode::kIsolated;
  ASSERT_EQ(servers_.Ensure(Acme(), BridgeAge::kNew), absl::OkStatus());
  ASSERT_EQ(servers_.Ensure(isolated, BridgeAge::kNew), absl::OkStatus());
  SetResolvers("nameserver 192.0.2.54\n");
  NetworkSpec later = Acme();
  later.subnet = *ParseIpv4Subnet("test", "10.213.6.0/24");
  ASSERT_EQ(servers_.Ensure(later, BridgeAge::kNew), absl::OkStatus()) << "it reads them, too";
  ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
  EXPECT_EQ(ReadOf("resolv.conf"), "nameserver 192.0.2.54\n");
  EXPECT_EQ(Read("fv-0ad50500/resolv.conf"), "");
  EXPECT_EQ(Starts() + Reloads(), 1) << "it notices by itself";
  // Gone for a moment, while somebody writes them.
  std::filesystem::remove(dir_.path() + "/resolv.conf");
  ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
  EXPECT_EQ(ReadOf("resolv.conf"), "nameserver 192.0.2.54\n");
}

}  // namespace
}  // namespace flatvm::network
