// LibvirtPrimaryDisks on QEMU, beyond tests/contract/primary_disks_contract_test.cc: what libvirt
// and QEMU do by themselves. There is no guest; what one does with its PCIe ports, the test does.
#include "daemon/hypervisor/libvirt_primary_disks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/libvirt-qemu.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/primary_disk_xml.h"
#include "daemon/libvirt/device_removals.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/libvirt_embedded_qemu.h"

namespace flatvm::hypervisor {
namespace {

using integration::DiskGuest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::chrono::milliseconds kTimeout{300};
constexpr std::chrono::seconds kLongTimeout{20};

class LibvirtPrimaryDisksTest : public integration::EmbeddedQemuTest {
 protected:
  void SetUp() override {
    EmbeddedQemuTest::SetUp();
    if (IsSkipped()) return;
    disks_ = std::make_unique<LibvirtPrimaryDisks>(qemu_->connection, log_, clock_);
  }

  PrimaryDisk MakeDisk(const std::string& name) const {
    const std::string path = base::StrCat(qemu_->root.path(), "/", name, ".raw");
    std::ofstream(path).close();
    std::filesystem::resize_file(path, 1 << 20);
    return PrimaryDisk{.path = path, .serial = "vol-" + name};
  }

  void DefineAndStart(DiskGuest guest, int ports) {
    Define(integration::PluggableXml("acme-primary", uuid_, guest, ports));
    ASSERT_EQ(virDomainCreate(Find().get()), 0) << virGetLastErrorMessage();
  }

  void Attach(const PrimaryDisk& disk) {
    const absl::Status status = disks_->Attach(uuid_, disk);
    ASSERT_TRUE(status.ok()) << status;
  }

  std::string Definition() const {
    const libvirt::TextPtr xml(virDomainGetXMLDesc(Find().get(), VIR_DOMAIN_XML_INACTIVE));
    return xml == nullptr ? "" : xml.get();
  }

  static base::Reason ReasonOf(const absl::Status& status) {
    return base::GetErrorInfo(status).reason;
  }

  // As a guest's ACPI does for every port: the registers of QEMU's docs/specs/acpi_pci_hotplug.txt.
  void EjectEverything() const {
    for (int bus = 0; bus < 8; ++bus) {
      for (const std::string& command :
           {base::StrCat("o /w 0xcd0 ", bus), std::string("o /w 0xcc8 1")}) {
        char* answer = nullptr;
        EXPECT_EQ(virDomainQemuMonitorCommand(Find().get(), command.c_str(), &answer,
                                              VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP),
                  0);
        const libvirt::TextPtr owner(answer);
      }
    }
  }

  // Whether QEMU has the file open.
  bool IsOpen(const std::string& path) const {
    std::ifstream pid_file(qemu_->root.path() + "/run/qemu/acme-primary.pid");
    std::string pid;
    pid_file >> pid;
    EXPECT_NE(pid, "");
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + pid + "/fd")) {
      std::error_code gone;
      if (std::filesystem::read_symlink(entry.path(), gone) == path) return true;
    }
    return false;
  }

  fakes::FakeLog log_;
  const base::RealClock clock_;
  std::unique_ptr<LibvirtPrimaryDisks> disks_;
};

TEST_F(LibvirtPrimaryDisksTest, MakesTheDiskThatItMeans) {
  DefineAndStart(DiskGuest::kKeeps, 2);
  const PrimaryDisk disk = MakeDisk("a");
  Attach(disk);
  for (const std::string& xml : {LiveXml(), Definition()}) {
    EXPECT_THAT(xml, HasSubstr("<driver name='qemu' type='raw' cache='none' discard='unmap'/>"));
    EXPECT_THAT(xml, HasSubstr("<serial>vol-a</serial>"));
    EXPECT_THAT(xml, HasSubstr("<target dev='vda' bus='virtio'/>"));
    EXPECT_THAT(xml, HasSubstr("<backingStore/>")) << "libvirt looked for one in the file";
  }
  EXPECT_TRUE(IsOpen(disk.path));
}

// The reason for which Detach believes only what it reads.
TEST_F(LibvirtPrimaryDisksTest, IsToldOfSuccessWhereThereIsNone) {
  DefineAndStart(DiskGuest::kKeeps, 1);
  const PrimaryDisk disk = MakeDisk("a");
  Attach(disk);
  const std::string xml = ParseDisks(LiveXml())->disks.at(0).xml;
  EXPECT_EQ(virDomainDetachDeviceFlags(Find().get(), xml.c_str(), VIR_DOMAIN_AFFECT_LIVE), 0);
  EXPECT_THAT(*disks_->ListLive(uuid_), ElementsAre(disk.path));
}

// As Detach is, which waits for it; here while one waits that is given up.
TEST_F(LibvirtPrimaryDisksTest, IsToldWhenTheGuestLetsGo) {
  DefineAndStart(DiskGuest::kKeeps, 1);
  const PrimaryDisk disk = MakeDisk("a");
  Attach(disk);
  EXPECT_EQ(disks_->Detach(uuid_, disk.path, kTimeout).code(),
            absl::StatusCode::kFailedPrecondition);
  disks_ = nullptr;  // libvirt takes a callback once
  libvirt::DeviceRemovals removals(qemu_->connection);
  ASSERT_TRUE(removals.EnsureRegistered().ok());
  EXPECT_EQ(removals.Count(), 0U);
  EjectEverything();
  removals.WaitForMore(0, std::chrono::seconds(60));
  EXPECT_EQ(removals.Count(), 1U);
}

TEST_F(LibvirtPrimaryDisksTest, ChangesNothingIfTheGuestKeepsTheDisk) {
  DefineAndStart(DiskGuest::kKeeps, 1);
  const PrimaryDisk disk = MakeDisk("a");
  Attach(disk);
  const std::string live = LiveXml();
  const std::string definition = Definition();
  for (const char* time : {"once", "while the first request is pending"}) {
    const auto begin = std::chrono::steady_clock::now();
    const absl::Status status = disks_->Detach(uuid_, disk.path, kTimeout);
    EXPECT_EQ(ReasonOf(status), base::Reason::kPrimaryKeepsDisk) << time << ": " << status;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4))
        << "it waited for libvirt";
    EXPECT_EQ(LiveXml(), live);
    EXPECT_EQ(Definition(), definition);
    EXPECT_TRUE(IsOpen(disk.path));
  }
}

TEST_F(LibvirtPrimaryDisksTest, FindsADiskThatTheGuestLetGoOfLater) {
  DefineAndStart(DiskGuest::kKeeps, 1);
  const PrimaryDisk disk = MakeDisk("a");
  Attach(disk);
  ASSERT_EQ(ReasonOf(disks_->Detach(uuid_, disk.path, kTimeout)), base::Reason::kPrimaryKeepsDisk);
  EjectEverything();
  // Not into the moment in which QEMU is taking it out: LibvirtPrimaryDisks::Detach has why.
  const auto deadline = std::chrono::steady_clock::now() + kLongTimeout;
  while (!disks_->ListLive(uuid_)->empty() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const absl::Status status = disks_->Detach(uuid_, disk.path, kLongTimeout);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_FALSE(IsOpen(disk.path));
  EXPECT_THAT(Definition(), Not(HasSubstr("<disk")));
  Attach(disk);
}

TEST_F(LibvirtPrimaryDisksTest, WaitsForTheGuest) {
  DefineAndStart(DiskGuest::kKeeps, 1);
  const PrimaryDisk disk = MakeDisk("a");
  Attach(disk);
  absl::Status status;
  std::thread detach([&] { status = disks_->Detach(uuid_, disk.path, kLongTimeout); });
  std::this_thread::sleep_for(kTimeout);
  EXPECT_THAT(Definition(), Not(HasSubstr("<disk"))) << "an instance that starts now would have it";
  EXPECT_TRUE(IsOpen(disk.path));
  EjectEverything();
  detach.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_FALSE(IsOpen(disk.path));
  EXPECT_THAT(Definition(), Not(HasSubstr("<disk")));
}

// Without a definition, whose change would wait for it too.
TEST_F(LibvirtPrimaryDisksTest, ReturnsWhenTheFileIsClosed) {
  const std::string xml = integration::PluggableXml("acme-primary", uuid_, DiskGuest::kLetsGo, 1);
  const libvirt::DomainPtr domain(virDomainCreateXML(connect_.get(), xml.c_str(), 0));
  ASSERT_NE(domain, nullptr) << virGetLastErrorMessage();
  const PrimaryDisk disk = MakeDisk("a");
  for (int i = 0; i < 10; ++i) {
    Attach(disk);
    ASSERT_TRUE(IsOpen(disk.path));
    const absl::Status status = disks_->Detach(uuid_, disk.path, kLongTimeout);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_FALSE(IsOpen(disk.path)) << i;
  }
}

TEST_F(LibvirtPrimaryDisksTest, SaysThatNoPortIsFree) {
  DefineAndStart(DiskGuest::kLetsGo, 1);
  const PrimaryDisk first = MakeDisk("a");
  const PrimaryDisk second = MakeDisk("b");
  Attach(first);
  const std::string definition = Definition();
  const absl::Status status = disks_->Attach(uuid_, second);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(ReasonOf(status), base::Reason::kPrimaryHasNoSlot);
  EXPECT_EQ(Definition(), definition);
  EXPECT_THAT(*disks_->ListLive(uuid_), ElementsAre(first.path));

  ASSERT_TRUE(disks_->Detach(uuid_, first.path, kLongTimeout).ok());
  Attach(second);
}

TEST_F(LibvirtPrimaryDisksTest, SaysNothingOfPortsWhereAFileIsMissing) {
  DefineAndStart(DiskGuest::kLetsGo, 1);
  const absl::Status status =
      disks_->Attach(uuid_, {.path = qemu_->root.path() + "/none.raw", .serial = "vol-none"});
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
  EXPECT_THAT(*disks_->ListLive(uuid_), IsEmpty());
  EXPECT_THAT(Definition(), Not(HasSubstr("<disk")));
}

// The directory of definitions cannot be written to.
TEST_F(LibvirtPrimaryDisksTest, UnplugsADiskAgainThatItCannotDefine) {
  DefineAndStart(DiskGuest::kLetsGo, 1);
  const PrimaryDisk disk = MakeDisk("a");
  const std::string definitions = qemu_->root.path() + "/etc/qemu";
  ASSERT_TRUE(std::filesystem::exists(definitions));
  std::filesystem::rename(definitions, definitions + ".away");
  std::ofstream(definitions).close();
  const absl::Status status = disks_->Attach(uuid_, disk);
  std::filesystem::remove(definitions);
  std::filesystem::rename(definitions + ".away", definitions);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
  EXPECT_THAT(*disks_->ListLive(uuid_), IsEmpty());
  EXPECT_THAT(Definition(), Not(HasSubstr("<disk")));
  EXPECT_FALSE(IsOpen(disk.path));
  Attach(disk);
}

// One call did not get further, or an operator did half of it.
TEST_F(LibvirtPrimaryDisksTest, CompletesWhatIsHalfThere) {
  DefineAndStart(DiskGuest::kLetsGo, 2);
  const PrimaryDisk disk = MakeDisk("a");
  const std::string xml = *BuildDiskXml(disk, "vdf");
  for (const unsigned half : {VIR_DOMAIN_AFFECT_LIVE, VIR_DOMAIN_AFFECT_CONFIG}) {
    ASSERT_EQ(virDomainAttachDeviceFlags(Find().get(), xml.c_str(), half), 0);
    Attach(disk);
    EXPECT_EQ(ParseDisks(LiveXml())->disks.size(), 1U);
    EXPECT_EQ(ParseDisks(Definition())->disks.size(), 1U);
    ASSERT_EQ(virDomainAttachDeviceFlags(Find().get(), xml.c_str(), half), -1) << "is there";
    ASSERT_TRUE(disks_->Detach(uuid_, disk.path, kLongTimeout).ok());

    ASSERT_EQ(virDomainAttachDeviceFlags(Find().get(), xml.c_str(), half), 0);
    ASSERT_TRUE(disks_->Detach(uuid_, disk.path, kLongTimeout).ok());
    EXPECT_THAT(ParseDisks(LiveXml())->disks, IsEmpty());
    EXPECT_THAT(ParseDisks(Definition())->disks, IsEmpty());
  }
}

TEST_F(LibvirtPrimaryDisksTest, LeavesOtherDisksAlone) {
  const PrimaryDisk theirs = MakeDisk("theirs");
  Define(integration::PluggableXml("acme-primary", uuid_, DiskGuest::kLetsGo, 2));
  ASSERT_EQ(virDomainAttachDeviceFlags(Find().get(), BuildDiskXml(theirs, "vda")->c_str(),
                                       VIR_DOMAIN_AFFECT_CONFIG),
            0);
  ASSERT_EQ(virDomainCreate(Find().get()), 0);
  const std::string definition = Definition();
  const PrimaryDisk disk = MakeDisk("a");
  Attach(disk);
  EXPECT_EQ(FindDisk(*ParseDisks(Definition()), disk.path)->target, "vdb");
  ASSERT_TRUE(disks_->Detach(uuid_, disk.path, kLongTimeout).ok());
  EXPECT_EQ(Definition(), definition);
  EXPECT_THAT(*disks_->ListLive(uuid_), ElementsAre(theirs.path));
}

}  // namespace
}  // namespace flatvm::hypervisor
