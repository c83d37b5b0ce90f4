#include "daemon/check/check_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "daemon/base/str_cat.h"
#include "tests/fakes/fake_host.h"

namespace flatvm::check {
namespace {

using fakes::FakeHost;
using testing::HasSubstr;
using testing::StartsWith;

absl::Status Gone() {
  return base::MakeError(absl::StatusCode::kUnavailable, base::Reason::kBrokerUnreachable,
                         "nobody listens");
}

// The item of that name, which is there once.
HostItem ItemOf(const HostItems& items, const std::string& name) {
  HostItem found{.name = "none"};
  for (const HostItem& item : items) {
    if (item.name != name) continue;
    EXPECT_EQ(found.name, "none") << name << " is there twice";
    found = item;
  }
  EXPECT_EQ(found.name, name);
  return found;
}

std::string Shown(const HostItem& item) {
  return base::StrCat(StateName(item.state), " ", item.text);
}

class CheckHostTest : public testing::Test {
 protected:
  HostItems Check() { return CheckHost(host_, config_, answer_); }
  std::string Show(const std::string& name) { return Shown(ItemOf(Check(), name)); }

  FakeHost host_;
  config::Config config_;
  DaemonAnswer answer_{.status = absl::OkStatus(), .budgets = {{"acme", 20480}, {"globex", 40960}}};
};

TEST_F(CheckHostTest, HasAnItemOfEachNameInOrder) {
  std::vector<std::string> names;
  for (const HostItem& item : Check()) {
    names.push_back(item.name);
    EXPECT_EQ(item.state, ItemState::kOk) << item.name << ": " << item.text;
    EXPECT_FALSE(item.text.empty()) << item.name;
  }
  EXPECT_THAT(names, testing::ElementsAre("kvm", "vhost-vsock", "cgroups", "systemd", "libvirt",
                                          "qemu", "programs", "e2fsprogs", "filesystem", "disk",
                                          "bridge", "dnsmasq", "uplink", "networks", "guard",
                                          "nftables", "ksm", "swap", "flatvmd"));
  EXPECT_EQ(host_.asked_directory, config_.state_dir);
  EXPECT_EQ(host_.asked_uri, config_.libvirt_uri);
}

TEST_F(CheckHostTest, SaysWhatIsMissingAndHowToMendIt) {
  struct Case {
    const char* item;
    std::function<void(FakeHost&)> spoil;
    const char* shown;
  };
  const std::vector<Case> cases = {
      {"kvm", [](auto& host) { host.kvm = absl::NotFoundError(""); },
       "warn there is no /dev/kvm: "},
      {"kvm", [](auto& host) { host.kvm = base::InternalError("make a VM by KVM: EBUSY"); },
       "warn make a VM by KVM: EBUSY: "},
      {"vhost-vsock", [](auto& host) { host.there.erase("/dev/vhost-vsock"); },
       "fail /dev/vhost-vsock is missing, and primaries cannot ask; modprobe vhost_vsock"},
      {"cgroups", [](auto& host) { host.files.erase("/sys/fs/cgroup/cgroup.controllers"); },
       "fail cgroup v2 is not mounted"},
      {"cgroups",
       [](auto& host) { host.files["/sys/fs/cgroup/cgroup.controllers"] = "cpu memory pids\n"; },
       "fail the kernel has no controller cpuset, io; "},
      {"systemd", [](auto& host) { host.there.erase("/run/systemd/system"); },
       "fail does not run this host"},
      {"systemd",
       [](auto& host) { host.programs["/usr/bin/systemctl --version"].output = "systemd 247 (x)"; },
       "fail 247 is older than 252"},
      {"systemd", [](auto& host) { host.programs.erase("/usr/bin/systemctl --version"); },
       "warn runs, but"},
      {"libvirt", [](auto& host) { host.versions = Gone(); },
       "fail qemu:///system cannot be reached; systemctl start libvirtd"},
      {"qemu", [](auto& host) { host.versions = Gone(); }, "warn not known"},
      {"libvirt", [](auto& host) { host.versions->libvirt = "8.10.0"; },
       "fail 8.10.0 at qemu:///system is older than 9.0"},
      {"qemu", [](auto& host) { host.versions->qemu = "5.2.0"; }, "warn 5.2.0 is older than 7.2"},
      {"programs", [](auto& host) { host.there.erase("/usr/bin/qemu-img"); },
       "fail /usr/bin/qemu-img cannot be executed: install the package qemu-utils"},
      {"e2fsprogs", [](auto& host) { host.there.erase("/sbin/resize2fs"); },
       "fail /sbin/resize2fs cannot be executed"},
      {"e2fsprogs", [](auto& host) { host.programs["/sbin/e2fsck -V"].output = "e2fsck 1.45.6\n"; },
       "fail mke2fs, e2fsck, resize2fs 1.45.6: older than 1.46"},
      {"ksm", [](auto& host) { host.files["/sys/kernel/mm/ksm/run"] = "1\n"; }, "fail on: "},
      {"ksm", [](auto& host) { host.files["/sys/kernel/mm/ksm/run"] = "2\n"; }, "ok off"},
      {"ksm", [](auto& host) { host.files.erase("/sys/kernel/mm/ksm/run"); },
       "ok not in this kernel"},
      {"swap",
       [](auto& host) {
         host.files["/proc/swaps"] +=
             "/dev/vda2   partition\t1048572\t0\t-2\n/swap\tfile\t1048580\t0\t-3\n";
       },
       "warn 2GiB, which tenants never use"}};
  for (const Case& each : cases) {
    host_ = FakeHost();
    each.spoil(host_);
    EXPECT_THAT(Show(each.item), StartsWith(each.shown));
  }
}

TEST_F(CheckHostTest, SaysWhatTheFilesystemCosts) {
  EXPECT_EQ(Show("filesystem"), "ok xfs, reflink: images move without a copy");
  host_.filesystem = FilesystemFacts{.type = "ext4", .direct_io = true, .shifts_blocks = true};
  EXPECT_THAT(Show("filesystem"),
              StartsWith("warn ext4, no reflink: what remains on a quota disk is copied when an "
                         "image leaves it; that costs "));
  host_.filesystem = FilesystemFacts{.type = "jfs", .direct_io = true};
  EXPECT_THAT(Show("filesystem"), StartsWith("warn jfs, no reflink: all that is on a quota disk"));
  host_.filesystem = FilesystemFacts{.type = "tmpfs"};
  EXPECT_THAT(Show("filesystem"), StartsWith("fail tmpfs, without direct I/O"));
  host_.filesystem = absl::NotFoundError("");
  EXPECT_EQ(Show("filesystem"),
            "fail /var/lib/flatvm is missing; install -d -m 0711 /var/lib/flatvm");
  host_.filesystem = base::InternalError("write an unnamed file: ENOSPC");
  EXPECT_EQ(Show("filesystem"),
            "fail /var/lib/flatvm cannot be used: write an unnamed file: ENOSPC");
}

TEST_F(CheckHostTest, ComparesWhatIsPromisedWithTheRoomThereIs) {
  // 60 GiB are free and 4 GiB the tenants' already.
  EXPECT_EQ(Show("disk"), "ok 60GiB free; tenants may have 60GiB, and there is room for 64GiB");
  answer_.budgets.push_back({"initech", 4096});
  EXPECT_THAT(Show("disk"), StartsWith("ok "));
  answer_.budgets.push_back({"hooli", 1});
  EXPECT_THAT(Show("disk"), StartsWith("warn 60GiB free; tenants may have 65537MiB, and there is "
                                       "room for 64GiB: "));
}

TEST_F(CheckHostTest, WorksWhereFlatvmdDoesNotAnswer) {
  answer_ = {.status = Gone(), .budgets = {}};
  EXPECT_EQ(Show("flatvmd"),
            "warn does not answer, so that nothing is known of its tenants: nobody listens");
  EXPECT_THAT(Show("disk"), StartsWith("warn 60GiB free; what tenants may have is not known"));
  for (const HostItem& item : Check()) EXPECT_NE(item.state, ItemState::kFail) << item.name;
}

TEST_F(CheckHostTest, MissesTheFilterOnlyWhereThereAreTenants) {
  const std::string list = "/usr/sbin/nft list table inet flatvm";
  host_.programs[list] = {1, "Error: No such file or directory\n"};
  EXPECT_THAT(Show("nftables"), StartsWith("fail the table inet flatvm is gone"));
  answer_.budgets.clear();
  EXPECT_THAT(Show("nftables"), StartsWith("ok usable"));
  host_.programs["/usr/sbin/nft list tables"] = {1, "Operation not supported\nmore\n"};
  EXPECT_EQ(Show("nftables"), "fail cannot be used: Operation not supported");
  host_.there.erase("/usr/sbin/nft");
  EXPECT_THAT(Show("nftables"), StartsWith("warn not looked at, as there is no nft"));
}

TEST_F(CheckHostTest, WantsWhatTenantsNetworksAreMadeFrom) {
  host_.network.ceilings = base::InternalError("EINVAL");
  EXPECT_THAT(Show("guard"), StartsWith("warn the kernel keeps tenants apart, but not to a"));
  host_.network.guard = base::InternalError("EPERM");
  EXPECT_THAT(Show("guard"), StartsWith("fail the kernel does not take the programs"));
  host_.network.bridge = base::InternalError("EOPNOTSUPP");
  EXPECT_THAT(Show("bridge"), StartsWith("fail none can be made, and no tenant's network: EOPNO"));
  host_.there.erase("/usr/sbin/dnsmasq");
  EXPECT_THAT(Show("dnsmasq"), StartsWith("fail /usr/sbin/dnsmasq cannot be executed"));
}

TEST_F(CheckHostTest, FindsTheUplinkThatTenantsLeaveBy) {
  EXPECT_EQ(Show("uplink"), "ok eth0");
  host_.files["/proc/net/route"] = "";
  EXPECT_THAT(Show("uplink"), StartsWith("warn the host has no default route"));
  config_.uplink = "wan0";
  EXPECT_THAT(Show("uplink"), StartsWith("warn wan0, as network.uplink says, is not there"));
  host_.there.insert("/sys/class/net/wan0");
  EXPECT_EQ(Show("uplink"), "ok wan0, as network.uplink says");
}

TEST_F(CheckHostTest, LooksForTheBridgesOfTenantsNetworks) {
  EXPECT_EQ(Show("networks"), "ok none is on a bridge of the host's own");
  answer_.bridged = {{.tenant = "acme", .network = "lan", .bridge = "br0", .vlan = 100}};
  EXPECT_EQ(Show("networks"), "fail br0, of network lan of tenant acme, is not there");
  host_.there.insert("/sys/class/net/br0");
  EXPECT_EQ(Show("networks"), "fail br0, of network lan of tenant acme, is no bridge");
  host_.there.insert("/sys/class/net/br0/bridge");
  EXPECT_THAT(Show("networks"), StartsWith("fail br0, of network lan of tenant acme, does not"));
  host_.files["/sys/class/net/br0/bridge/vlan_filtering"] = "0\n";
  EXPECT_THAT(Show("networks"), StartsWith("fail br0, of network lan of tenant acme, does not"));
  host_.files["/sys/class/net/br0/bridge/vlan_filtering"] = "1\n";
  EXPECT_EQ(Show("networks"), "ok 1 is on the host's own bridges, which is there");
  answer_.bridged.push_back({.tenant = "globex", .network = "lan", .bridge = "br1"});
  EXPECT_EQ(Show("networks"), "fail br1, of network lan of tenant globex, is not there");
  answer_ = {.status = Gone(), .budgets = {}};
  EXPECT_THAT(Show("networks"), StartsWith("ok flatvmd does not say"));
}

TEST_F(CheckHostTest, CountsTenants) {
  EXPECT_EQ(Show("flatvmd"), "ok answers; has 2 tenants");
  answer_.budgets.pop_back();
  EXPECT_EQ(Show("flatvmd"), "ok answers; has 1 tenant");
}

}  // namespace
}  // namespace flatvm::check
