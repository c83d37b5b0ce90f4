// LibvirtHypervisor and LibvirtPrimaryShare on QEMU (libvirt_embedded_qemu.h). What needs
// vhost-vsock (a secondary that really runs), cgroups (a quota) or a guest with a balloon driver is
// shown end to end, not here.
#include "daemon/hypervisor/libvirt_hypervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/libvirt_primary_share.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/domain_events.h"
#include "daemon/libvirt/event_loop.h"
#include "daemon/libvirt/handles.h"
#include "daemon/libvirt/metadata.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/libvirt_embedded_qemu.h"
#include "tests/integration/unprivileged_libvirtd.h"

namespace flatvm::hypervisor {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class LibvirtHypervisorTest : public integration::EmbeddedQemuTest {
 protected:
  void SetUp() override {
    EmbeddedQemuTest::SetUp();
    if (IsSkipped()) return;
    hypervisor_ = std::make_unique<LibvirtHypervisor>(
        qemu_->connection, log_, BootIdSources{.qemu_pid_dir = qemu_->root.path() + "/run/qemu"});
    share_ = std::make_unique<LibvirtPrimaryShare>(qemu_->connection);
  }

  std::string SecondarysXml() const {
    return Xml(base::StrCat("<f:secondary xmlns:f='", libvirt::kMetadataUri, "' tenant='acme' id='",
                            uuid_, "' name='web'/>"));
  }

  DomainSpec Spec() const {
    return DomainSpec{.tenant = "acme",
                      .vm_id = uuid_,
                      .vm_name = "web",
                      .memory_mib = 64,
                      .vcpus = 1,
                      .cid = base::VsockCid{1001},
                      .nics = {{.mac = "52:54:00:d5:00:03", .network = "flatvm-no-such-network"}},
                      .partition = "/flatvm/acme",
                      .disks = {DomainDisk{.path = "/srv/vm/disk.qcow2",
                                           .backing_path = "/srv/catalog/disk.raw"}},
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

  fakes::FakeLog log_;
  std::unique_ptr<LibvirtHypervisor> hypervisor_;
  std::unique_ptr<LibvirtPrimaryShare> share_;
};

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
  const absl::Status status = hypervisor_->StartDomain(Spec()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kInternalError);
  EXPECT_THAT(*hypervisor_->ListDomains(), IsEmpty());
  EXPECT_THAT(*hypervisor_->ListUsedCids({}), Not(Contains(base::VsockCid{1001})));
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

TEST_F(LibvirtHypervisorTest, GivesAPrimaryRoomForDisks) {
  Define(Xml());
  const std::string before = Definition();
  const auto ports = [&] { return CountOf(Definition(), "model='pcie-root-port'"); };
  const size_t ports_before = ports();
  PrimaryAttachment attachment = Attachment();
  attachment.hotplug_slots = 8;
  const auto undo = hypervisor_->AttachPrimary(uuid_, attachment);
  ASSERT_TRUE(undo.ok()) << undo.status();
  const std::string after = Definition();
  // The spare one that libvirt gives every new machine is taken by one of the tenant's two devices.
  EXPECT_EQ(ports(), ports_before - 1 + 2 + 8);
  EXPECT_EQ(hypervisor_->AttachPrimary(uuid_, attachment)->after_xml, after) << "twice";

  ASSERT_TRUE(hypervisor_->DetachPrimary(*undo).ok());
  EXPECT_EQ(Definition(), before);

  ASSERT_TRUE(hypervisor_->AttachPrimary(uuid_, attachment).ok());
  std::string edited = Definition();
  const std::string old_vcpus = ">1</vcpu>";
  Define(edited.replace(edited.find(old_vcpus), old_vcpus.size(), ">2</vcpu>"));
  ASSERT_TRUE(hypervisor_->DetachPrimary(*undo).ok());
  EXPECT_EQ(hypervisor_->GetPrimary(uuid_)->vcpus, 2U);
  EXPECT_EQ(ports(), ports_before);
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
  EXPECT_GT(second->domain_id, first->domain_id);
}

TEST_F(LibvirtHypervisorTest, AsksAPrimaryForMemoryThatHasNoBalloonDriver) {
  Define(Xml());
  const std::string before = Definition();
  ASSERT_TRUE(hypervisor_->RestartPrimary(uuid_, 0).ok());
  constexpr PrimaryMemory kAll{.maximum_mib = 32, .actual_mib = 32, .has_driver = false};
  EXPECT_EQ(*share_->ReadMemory(uuid_), kAll);
  EXPECT_THAT(LiveXml(), HasSubstr("<stats period='2'/>")) << "a driver would not report";
  ASSERT_TRUE(share_->SetMemory(uuid_, 16).ok());
  EXPECT_EQ(*share_->ReadMemory(uuid_), kAll) << "its firmware gives nothing back";
  EXPECT_TRUE(share_->SetMemory(uuid_, 32).ok());
  EXPECT_EQ(Definition(), before);
  ASSERT_TRUE(hypervisor_->RestartPrimary(uuid_, 0).ok());
  EXPECT_THAT(LiveXml(), Not(HasSubstr("<stats period"))) << "of an earlier run";
}

TEST_F(LibvirtHypervisorTest, TellsAPrimaryWithoutABalloonFromOneThatIsOff) {
  Define(Xml("", "<memballoon model='none'/>"));
  const auto reason = [](const absl::Status& status) { return base::GetErrorInfo(status).reason; };
  EXPECT_EQ(reason(share_->SetMemory(uuid_, 16)), base::Reason::kPrimaryNotRunning);
  ASSERT_TRUE(hypervisor_->RestartPrimary(uuid_, 0).ok());
  EXPECT_EQ(hypervisor_->GetPrimary(uuid_)->balloon_lack, "it has no memory balloon device");
  EXPECT_EQ(reason(share_->SetMemory(uuid_, 16)), base::Reason::kPrimaryKeepsMemory);
  EXPECT_EQ(share_->ReadMemory(uuid_)->actual_mib, 32U);
  // libvirt has the same error for both; here it is that this driver has no cgroups.
  EXPECT_EQ(reason(share_->SetCpuQuota(uuid_, 100)), base::Reason::kInternalError);
  EXPECT_EQ(reason(share_->ReadCpuQuota(uuid_).status()), base::Reason::kInternalError);
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
    EXPECT_GE(domains->front().domain_id, 1U);
    const absl::Status status = hypervisor_->RemoveDomain(uuid_);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_THAT(*hypervisor_->ListDomains(), IsEmpty());
  }
  Define(SecondarysXml());
  EXPECT_EQ(hypervisor_->ListDomains()->front().state, DomainState::kStopped);
  EXPECT_EQ(hypervisor_->ListDomains()->front().domain_id, 0U);
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
  libvirt::DomainEvents events(connection, [&](libvirt::DomainEvent event, const std::string&) {
    if (event == libvirt::DomainEvent::kStopped) ++stops;
  });
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
