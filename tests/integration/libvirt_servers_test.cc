// What libvirt's dnsmasq tells a tenant's machines, and that there is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

#include "tests/integration/libvirt_networks_fixture.h"

namespace flatvm::integration {
namespace {

using network::NetworkSpec;
using ::testing::HasSubstr;

// Kills the dnsmasqs in the calling thread's network namespace, which are the test's. Their numbers
// in libvirt's files are of another namespace of processes: here they are somebody else's. How many
// there were.
int KillOwnServers() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/thread-self/ns/net", error);
  EXPECT_FALSE(error) << error.message();
  int killed = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (error || name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::string comm;
    std::ifstream(entry.path() / "comm") >> comm;
    std::error_code gone;
    if (comm != "dnsmasq" || fs::read_symlink(entry.path() / "ns/net", gone) != own) continue;
    if (::kill(std::stoi(name), SIGKILL) == 0) ++killed;
  }
  return killed;
}

class LibvirtServersTest : public LibvirtNetworksFixture {};

TEST_F(LibvirtServersTest, TellsIsolatedMachinesOfNoRouterAndAsksNobodyForThem) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    NetworkSpec spec = acme_;
    spec.mode = network::NetworkMode::kIsolated;
    ASSERT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus());
    ASSERT_EQ(networks_.AddLease({"acme"}, ignore_), absl::OkStatus()) << "the options are kept";
    const auto machine = Attach("ignore", ignore_.mac);
    EXPECT_THAT(AskForOptions(*machine), HasSubstr("bound: router= dns=10.213.4.1\n"));
    machine->Ip("addr add 10.213.4.3/24 dev eth0");
    machine->Run([] {
      EXPECT_THAT(RunOrFail({kBusybox, "nslookup", "ignore.acme.internal", "10.213.4.1"}),
                  HasSubstr("10.213.4.3"));
      const std::string said = RunOrFail(
          {"/bin/sh", "-c", "busybox nslookup elsewhere.example 10.213.4.1 2>&1 || true"});
      EXPECT_THAT(said, HasSubstr("REFUSED"));
    });
    EXPECT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus()) << "it is as described";
  });
}

TEST_F(LibvirtServersTest, TellsMachinesThatTheirPrimaryIsTheRouter) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    NetworkSpec spec = acme_;
    spec.mode = network::NetworkMode::kViaPrimary;
    ASSERT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus());
    ASSERT_EQ(networks_.AddLease({"acme"}, ignore_), absl::OkStatus());
    const auto primary = Attach("primary", primary_.mac);
    const auto secondary = Attach("ignore", ignore_.mac);
    EXPECT_THAT(AskForOptions(*primary), HasSubstr("bound: router=10.213.4.1 "));
    EXPECT_THAT(AskForOptions(*secondary), HasSubstr("bound: router=10.213.4.2 "));
  });
}

TEST_F(LibvirtServersTest, ServesATenantsFurtherNetworkBesideItsFirst) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const NetworkSpec storage{.tenant = "acme",
                              .network = "storage",
                              .subnet = *network::ParseIpv4Subnet("test", "10.213.5.0/24"),
                              .mode = network::NetworkMode::kIsolated};
    NetworkSpec web = storage;
    web.network = "web";
    web.subnet = *network::ParseIpv4Subnet("test", "10.213.6.0/24");
    web.mode = network::NetworkMode::kNat;
    ASSERT_EQ(networks_.EnsureNetwork(storage), absl::OkStatus());
    ASSERT_EQ(networks_.EnsureNetwork(web), absl::OkStatus());
    const network::Lease in_storage{
        .hostname = "db", .mac = "52:54:00:d5:05:02", .address = {0x0AD50502U}};
    const network::Lease in_web{
        .hostname = "db", .mac = "52:54:00:d5:06:02", .address = {0x0AD50602U}};
    ASSERT_EQ(networks_.AddLease(storage.Id(), in_storage), absl::OkStatus()) << "its first";
    ASSERT_EQ(networks_.AddLease(web.Id(), in_web), absl::OkStatus());
    const auto db = AttachTo(storage, "db1", in_storage.mac);
    const auto db_in_web = AttachTo(web, "db2", in_web.mac);
    const std::string said = AskForOptions(*db);
    EXPECT_THAT(said, HasSubstr("bound: router= dns=10.213.5.1\n"));
    EXPECT_THAT(AskForOptions(*db_in_web), HasSubstr("bound: router=10.213.6.1 "));
    db->Ip("addr add 10.213.5.2/24 dev eth0");
    db->Run([] {
      EXPECT_THAT(RunOrFail({kBusybox, "nslookup", "db.storage.acme.internal", "10.213.5.1"}),
                  HasSubstr("10.213.5.2"));
      const std::string other = RunOrFail(
          {"/bin/sh", "-c", "busybox nslookup primary.acme.internal 10.213.5.1 2>&1 || true"});
      EXPECT_THAT(other, HasSubstr("REFUSED")) << "that is the other network's";
    });
    EXPECT_EQ(networks_.EnsureNetwork(storage), absl::OkStatus()) << "it is as described";
    ASSERT_EQ(networks_.RemoveNetwork(storage), absl::OkStatus());
    EXPECT_EQ(::if_nametoindex("fv-0ad50500"), 0U);
    EXPECT_THAT(*networks_.ListNetworks(), ::testing::ElementsAre(acme_.Id(), web.Id()));
    EXPECT_THAT(RunOrFail({"/bin/ls", "/var/lib/libvirt/dnsmasq"}),
                ::testing::Not(HasSubstr("storage")));
    EXPECT_TRUE(host_.ListDnsServers()->contains(web.subnet.Gateway()));
    EXPECT_FALSE(host_.ListDnsServers()->contains(storage.subnet.Gateway()));
  });
}

TEST_F(LibvirtServersTest, HasADeadServerStartedAnew) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const size_t lines = log_.Lines().size();
    ASSERT_EQ(networks_.StartDeadServers(), absl::OkStatus());
    ASSERT_EQ(log_.Lines().size(), lines) << "it runs";
    ASSERT_GT(KillOwnServers(), 0);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!host_.ListDnsServers()->empty() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_EQ(networks_.StartDeadServers(), absl::OkStatus());
    EXPECT_TRUE(log_.Has("it was started anew"));
    EXPECT_TRUE(host_.ListDnsServers()->contains(acme_.subnet.Gateway()));
    const auto machine = Attach("primary", primary_.mac);
    EXPECT_THAT(AskForAddress(*machine), HasSubstr("lease of 10.213.4.2 obtained"));
  });
}

}  // namespace
}  // namespace flatvm::integration
