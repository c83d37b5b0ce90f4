// LibvirtHypervisor on QEMU: libvirt's QEMU driver inside the test program (qemu:///embed), its
// files in a temporary directory, guests emulated. What needs vhost-vsock (a secondary that really
// runs) is shown end to end, not here.
#include "daemon/hypervisor/libvirt_hypervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/domain_events.h"
#include "daemon/libvirt/event_loop.h"
#include "daemon/libvirt/handles.h"
#include "daemon/libvirt/metadata.h"
#include "tests/fakes/fake_log.h"
#include "tests/fakes/temp_dir.h"
#include "tests/integration/unprivileged_libvirtd.h"

namespace flatvm::hypervisor {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A process has one embedded QEMU driver.
struct Qemu {
  Qemu() : connection("qemu:///embed?root=" + root.path()) {
    std::filesystem::create_directories(root.path() + "/etc");
    // Neither virtlogd nor the host's users, cgroups and security modules are any business of this
    // test's.
    std::ofstream(root.path() + "/etc/qemu.conf") << "stdio_handler = \"file\"\n"
                                                     "security_driver = \"none\"\n"
                                                     "user = \"root\"\ngroup = \"root\"\n"
                                                     "namespaces = []\ncgroup_controllers = []\n";
  }

  fakes::TempDir root;
  libvirt::EventLoop event_loop;
  libvirt::Connection connection;
};

class LibvirtHypervisorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { qemu_ = std::make_unique<Qemu>(); }
  static void TearDownTestSuite() { qemu_.reset(); }

  void SetUp() override {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "needs QEMU";
    auto connect = qemu_->connection.Get();
    if (!connect.ok()) GTEST_SKIP() << "needs libvirt's embedded QEMU driver";
    connect_ = *std::move(connect);
    hypervisor_ = std::make_unique<LibvirtHypervisor>(
        qemu_->connection, log_, BootIdSources{.qemu_pid_dir = qemu_->root.path() + "/run/qemu"});
  }

  void TearDown() override {
    if (connect_ == nullptr) return;
    libvirt::DomainPtr domain(virDomainLookupByUUIDString(connect_.get(), uuid_.c_str()));
    if (domain == nullptr) return;
    virDomainDestroy(domain.get());
    virDomainUndefine(domain.get());
  }

  // An emulated machine that boots from nothing and hears no power button.
  std::string Xml(const std::string& metadata = "") const {
    return base::StrCat("<domain type='qemu'><name>acme-primary</name><uuid>", uuid_,
                        "</uuid><metadata>", metadata,
                        "</metadata><memory unit='MiB'>32</memory><vcpu>1</vcpu>"
                        "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
                        "<features><acpi/></features><devices>"
                        "<controller type='usb' model='none'/></devices></domain>");
  }

  std::string SecondarysXml() const {
    return Xml(base::StrCat("<f:secondary xmlns:f='", libvirt::kMetadataUri, "' tenant='acme' id='",
                            uuid_, "' name='web'/>"));
  }

  void Define(const std::string& xml) {
    const libvirt::DomainPtr domain(virDomainDefineXML(connect_.get(), xml.c_str()));
    ASSERT_NE(domain, nullptr);
  }

  DomainSpec Spec() const {
    return DomainSpec{
        .tenant = "acme",
        .vm_id = uuid_,
        .vm_name = "web",
        .memory_mib = 64,
        .vcpus = 1,
        .cid = base::VsockCid{1001},
        .mac = "52:54:00:d5:00:03",
        .network = "flatvm-no-such-network",
        .partition = "/flatvm/acme",
        .disk = DomainDisk{.path = "/srv/vm/disk.qcow2", .backing_path = "/srv/catalog/disk.raw"},
        .kernel = DomainKernel{.kernel_path = "/srv/catalog/vmlinuz"},
        .console_log = "/srv/vm/console.log"};
  }

  static PrimaryAttachment Attachment() {
    return PrimaryAttachment{.tenant = "acme",
                             .cid = base::VsockCid{1000},
                             .partition = "/flatvm/acme",
                             .network = "flatvm-acme",
                             .mac = "52:54:00:d5:00:02"};
  }

  std::string Definition() { return hypervisor_->GetPrimary(uuid_)->definition_xml; }

  static std::unique_ptr<Qemu> qemu_;

  const std::string uuid_ = base::NewUuid();
  fakes::FakeLog log_;
  libvirt::ConnectPtr connect_;
  std::unique_ptr<LibvirtHypervisor> hypervisor_;
};

std::unique_ptr<Qemu> LibvirtHypervisorTest::qemu_;

TEST_F(LibvirtHypervisorTest, MakesTheQemuThatItMeans) {
  const auto xml = BuildDomainXml(Spec(), Virtualization::kTcg);
  ASSERT_TRUE(xml.ok()) << xml.status();
  const libvirt::TextPtr text(
      virConnectDomainXMLToNative(connect_.get(), "qemu-argv", xml->c_str(), 0));
  ASSERT_NE(text, nullptr) << virGetLastErrorMessage();
  const std::string argv = text.get();
  for (const char* part :
       {"-accel tcg", "-cpu max", "-m 64", "-no-user-config", "-nodefaults", "\"guest-cid\":1001",
        "\"driver\":\"raw\"", "\"driver\":\"qcow2\"", "virtio-rng-pci", "free-page-reporting",
        "52:54:00:d5:00:03", "isa-serial", "-kernel /srv/catalog/vmlinuz"}) {
    EXPECT_THAT(argv, HasSubstr(part));
  }
  for (const char* part : {"usb-", "-vnc", "-spice", "VGA", "hda-duplex", "virtio-serial"}) {
    EXPECT_THAT(argv, Not(HasSubstr(part)));
  }
}

TEST_F(LibvirtHypervisorTest, LeavesNothingOfADomainThatItCannotStart) {
  const absl::Status status = hypervisor_->StartDomain(Spec());
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kInternalError);
  EXPECT_THAT(*hypervisor_->ListDomains(), IsEmpty());
  EXPECT_THAT(*hypervisor_->ListUsedCids(), Not(Contains(base::VsockCid{1001})));
}

TEST_F(LibvirtHypervisorTest, LeavesTheAddressesOfAPrimarysDevicesAlone) {
  Define(Xml());
  const std::string before = Definition();
  const auto undo = hypervisor_->AttachPrimary("acme-primary", Attachment());
  ASSERT_TRUE(undo.ok()) << undo.status();
  const std::string after = Definition();
  EXPECT_EQ(undo->after_xml, after);
  EXPECT_THAT(after, HasSubstr("<cid auto='no' address='1000'/>"));
  EXPECT_THAT(after, HasSubstr("<source network='flatvm-acme'/>"));
  const auto balloon = [](const std::string& xml) {
    const size_t begin = xml.find("<memballoon");
    return xml.substr(begin, xml.find("</memballoon>") - begin);
  };
  EXPECT_THAT(balloon(before), HasSubstr("<address"));
  EXPECT_EQ(balloon(after), balloon(before));

  EXPECT_TRUE(hypervisor_->DetachPrimary(*undo).ok());
  EXPECT_EQ(Definition(), before);
}

TEST_F(LibvirtHypervisorTest, TakesItsPartsOutOfADefinitionThatWasEditedSince) {
  Define(Xml());
  const auto undo = hypervisor_->AttachPrimary("acme-primary", Attachment());
  ASSERT_TRUE(undo.ok()) << undo.status();
  std::string edited = undo->after_xml;
  const std::string old_vcpus = ">1</vcpu>";
  edited.replace(edited.find(old_vcpus), old_vcpus.size(), ">2</vcpu>");
  Define(edited);
  EXPECT_TRUE(hypervisor_->DetachPrimary(*undo).ok());
  EXPECT_EQ(hypervisor_->GetPrimary(uuid_)->vcpus, 2U);
  for (const char* part : {"flatvm", "<vsock", "<interface", "<resource>"}) {
    EXPECT_THAT(Definition(), Not(HasSubstr(part)));
  }
}

TEST_F(LibvirtHypervisorTest, RestartsAPrimaryThatDoesNotHearThePowerButton) {
  Define(Xml());
  ASSERT_TRUE(hypervisor_->RestartPrimary(uuid_, 0).ok()) << "it was shut off";
  const auto first = hypervisor_->GetPrimary(uuid_);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->running);
  EXPECT_THAT(first->boot_id, Not(HasSubstr(":0:"))) << "no pid of QEMU's";
  const absl::Status status = hypervisor_->RestartPrimary(uuid_, 300);
  ASSERT_TRUE(status.ok()) << status;
  const auto second = hypervisor_->GetPrimary(uuid_);
  EXPECT_TRUE(second->running);
  EXPECT_NE(second->boot_id, first->boot_id);
}

TEST_F(LibvirtHypervisorTest, RemovesASecondaryEvenIfSomebodyMadeItPersistent) {
  for (const bool persistent : {false, true}) {
    if (persistent) Define(SecondarysXml());
    const libvirt::DomainPtr domain(virDomainCreateXML(connect_.get(), SecondarysXml().c_str(), 0));
    ASSERT_NE(domain, nullptr) << virGetLastErrorMessage();
    const auto domains = hypervisor_->ListDomains();
    ASSERT_EQ(domains->size(), 1U);
    EXPECT_EQ(domains->front().vm_id, uuid_);
    EXPECT_EQ(domains->front().state, DomainState::kRunning);
    const absl::Status status = hypervisor_->RemoveDomain(uuid_);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_THAT(*hypervisor_->ListDomains(), IsEmpty());
  }
  Define(SecondarysXml());
  EXPECT_EQ(hypervisor_->ListDomains()->front().state, DomainState::kStopped);
  EXPECT_TRUE(hypervisor_->RemoveDomain(uuid_).ok());
  EXPECT_THAT(*hypervisor_->ListDomains(), IsEmpty());
}

// Asks until it is so; false if it does not become so.
bool Eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

TEST(LibvirtConnection, ComesBackWithItsEventsWhenLibvirtdWasKilled) {
  if (::access(integration::UnprivilegedLibvirtd::kProgram, X_OK) != 0)
    GTEST_SKIP() << "needs libvirtd";
  ::signal(SIGPIPE, SIG_IGN);  // as flatvmd does
  integration::UnprivilegedLibvirtd daemon;
  libvirt::EventLoop event_loop;
  libvirt::Connection connection(daemon.Uri());
  std::atomic<int> stops = 0;
  libvirt::DomainEvents events(connection, [&](const std::string&) { ++stops; });
  const auto stop_a_domain = [&] {
    const auto connect = connection.Get();
    const libvirt::DomainPtr domain(virDomainLookupByName(connect->get(), "test"));
    return virDomainDestroy(domain.get()) == 0;
  };
  ASSERT_TRUE(Eventually([&] { return events.EnsureRegistered().ok(); }));
  EXPECT_FALSE(*events.EnsureRegistered());
  ASSERT_TRUE(stop_a_domain());
  EXPECT_TRUE(Eventually([&] { return stops == 1; }));

  daemon.Kill();
  EXPECT_TRUE(Eventually([&] { return !connection.Get().ok(); }));
  const absl::Status status = connection.Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(events.EnsureRegistered().status().code(), absl::StatusCode::kUnavailable);

  daemon.Start();
  bool registered_anew = false;
  ASSERT_TRUE(Eventually([&] {
    const auto answer = events.EnsureRegistered();
    if (answer.ok()) registered_anew = *answer;
    return answer.ok();
  }));
  EXPECT_TRUE(registered_anew) << "events may have been missed, and nobody is told";
  ASSERT_TRUE(stop_a_domain());
  EXPECT_TRUE(Eventually([&] { return stops == 2; }));
}

}  // namespace
}  // namespace flatvm::hypervisor
