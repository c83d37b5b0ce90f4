// What every Hypervisor does: the fake, and the real one on libvirt's in-memory test driver.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"
#include "daemon/hypervisor/hypervisor.h"
#include "daemon/hypervisor/libvirt_hypervisor.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/event_loop.h"
#include "daemon/libvirt/handles.h"
#include "tests/fakes/fake_hypervisor.h"
#include "tests/fakes/fake_log.h"

namespace flatvm::hypervisor {
namespace {

using base::Reason;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// One implementation, and its host as an operator works on it.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual Hypervisor& hypervisor() = 0;
  // Both return the domain's UUID.
  virtual std::string Define(const std::string& name) = 0;
  virtual std::string StartTransient(const std::string& name) = 0;
  virtual void Undefine(const std::string& name) = 0;
  virtual void Start(const std::string& name) = 0;
  // Replaces text of the persistent definition.
  virtual void Edit(const std::string& name, const std::string& from, const std::string& to) = 0;
};

constexpr uint32_t kMemoryMib = 512;
constexpr uint32_t kVcpus = 2;

class FakeSubject final : public Subject {
 public:
  Hypervisor& hypervisor() override { return hypervisor_; }
  std::string Define(const std::string& name) override {
    return hypervisor_.DefinePrimary(name, kMemoryMib, kVcpus);
  }
  std::string StartTransient(const std::string& name) override {
    return hypervisor_.StartTransientPrimary(name, kMemoryMib, kVcpus);
  }
  void Undefine(const std::string& name) override { hypervisor_.UndefinePrimary(name); }
  void Start(const std::string& name) override { hypervisor_.StartPrimary(name); }
  void Edit(const std::string& name, const std::string& from, const std::string& to) override {
    hypervisor_.EditPrimary(name, [&](std::string* xml) {
      const size_t at = xml->find(from);
      ASSERT_NE(at, std::string::npos) << *xml;
      xml->replace(at, from.size(), to);
    });
  }

 private:
  fakes::FakeHypervisor hypervisor_;
};

class TestDriverSubject final : public Subject {
 public:
  TestDriverSubject() : connection_("test:///default"), connect_(*connection_.Get()) {}

  Hypervisor& hypervisor() override { return hypervisor_; }

  std::string Define(const std::string& name) override {
    const std::string uuid = base::NewUuid();
    DefineXml(Xml(name, uuid));
    return uuid;
  }
  std::string StartTransient(const std::string& name) override {
    const std::string uuid = base::NewUuid();
    const libvirt::DomainPtr domain(virDomainCreateXML(connect_.get(), Xml(name, uuid).c_str(), 0));
    EXPECT_NE(domain, nullptr);
    return uuid;
  }
  void Undefine(const std::string& name) override {
    EXPECT_EQ(virDomainUndefine(Find(name).get()), 0);
  }
  void Start(const std::string& name) override { EXPECT_EQ(virDomainCreate(Find(name).get()), 0); }
  void Edit(const std::string& name, const std::string& from, const std::string& to) override {
    const libvirt::TextPtr text(virDomainGetXMLDesc(Find(name).get(), VIR_DOMAIN_XML_INACTIVE));
    std::string xml(text.get());
    const size_t at = xml.find(from);
    ASSERT_NE(at, std::string::npos) << xml;
    DefineXml(xml.replace(at, from.size(), to));
  }

 private:
  static std::string Xml(const std::string& name, const std::string& uuid) {
    return base::StrCat("<domain type='test'><name>", name, "</name><uuid>", uuid,
                        "</uuid><memory unit='MiB'>", kMemoryMib, "</memory><vcpu>", kVcpus,
                        "</vcpu><os><type>hvm</type></os><devices><memballoon model='virtio'/>"
                        "</devices></domain>");
  }
  void DefineXml(const std::string& xml) {
    const libvirt::DomainPtr domain(virDomainDefineXML(connect_.get(), xml.c_str()));
    EXPECT_NE(domain, nullptr) << xml;
  }
  libvirt::DomainPtr Find(const std::string& name) {
    return libvirt::DomainPtr(virDomainLookupByName(connect_.get(), name.c_str()));
  }

  libvirt::EventLoop event_loop_;
  libvirt::Connection connection_;
  libvirt::ConnectPtr connect_;
  fakes::FakeLog log_;
  LibvirtHypervisor hypervisor_{connection_, log_};
};

struct Implementation {
  const char* name;
  std::unique_ptr<Subject> (*make)();
};

template <typename T>
std::unique_ptr<Subject> Make() {
  return std::make_unique<T>();
}

class HypervisorContract : public ::testing::TestWithParam<Implementation> {
 protected:
  static DomainSpec Spec(const std::string& name = "web", uint32_t cid = 1001) {
    return DomainSpec{.tenant = "acme",
                      .vm_id = base::NewUuid(),
                      .vm_name = name,
                      .memory_mib = 192,
                      .vcpus = 1,
                      .cid = base::VsockCid{cid},
                      .nics = {{.mac = "52:54:00:d5:00:03", .network = "flatvm-acme"}},
                      .partition = "/flatvm/acme",
                      .kernel = DomainKernel{.kernel_path = "/vmlinuz"},
                      .console_log = "/var/lib/flatvm/console.log"};
  }

  static PrimaryAttachment Attachment() {
    return PrimaryAttachment{.tenant = "acme",
                             .cid = base::VsockCid{1000},
                             .partition = "/flatvm/acme",
                             .network = "flatvm-acme",
                             .mac = "52:54:00:d5:00:02",
                             .hotplug_slots = 8};
  }

  void ExpectError(const absl::Status& status, absl::StatusCode code, Reason reason) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(base::GetErrorInfo(status).reason, reason) << status;
  }

  std::string DefinitionOf(const std::string& name) {
    return hypervisor().GetPrimary(name)->definition_xml;
  }

  Hypervisor& hypervisor() { return subject_->hypervisor(); }

  const std::unique_ptr<Subject> subject_ = GetParam().make();
};

TEST_P(HypervisorContract, StartsListsAndRemovesASecondary) {
  const DomainSpec spec = Spec();
  ASSERT_TRUE(hypervisor().StartDomain(spec).ok());
  auto domains = hypervisor().ListDomains();
  ASSERT_TRUE(domains.ok()) << domains.status();
  ASSERT_EQ(domains->size(), 1U);
  EXPECT_EQ(domains->front().vm_id, spec.vm_id);
  EXPECT_EQ(domains->front().tenant, "acme");
  EXPECT_EQ(domains->front().name, "flatvm-acme.web");
  EXPECT_EQ(domains->front().state, DomainState::kRunning);

  EXPECT_TRUE(hypervisor().RemoveDomain(spec.vm_id).ok());
  EXPECT_THAT(*hypervisor().ListDomains(), IsEmpty());
  EXPECT_TRUE(hypervisor().RemoveDomain(spec.vm_id).ok()) << "of one that is gone";
  EXPECT_TRUE(hypervisor().StartDomain(spec).ok()) << "its id, name and CID are free again";
}

TEST_P(HypervisorContract, NumbersEveryRun) {
  const DomainSpec spec = Spec();
  const auto first = hypervisor().StartDomain(spec);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_GE(*first, 1U);
  EXPECT_EQ(hypervisor().ListDomains()->front().domain_id, *first);
  ASSERT_TRUE(hypervisor().RemoveDomain(spec.vm_id).ok());
  EXPECT_GT(*hypervisor().StartDomain(spec), *first);

  subject_->Define("acme-primary");
  const auto number = [&] { return hypervisor().GetPrimary("acme-primary")->domain_id; };
  EXPECT_EQ(number(), 0U);
  subject_->Start("acme-primary");
  EXPECT_GT(number(), *first);
}

TEST_P(HypervisorContract, SaysOfTheDefinitionWhyMemoryCannotBeTaken) {
  const std::string uuid = subject_->Define("acme-primary");
  subject_->Start("acme-primary");
  EXPECT_EQ(hypervisor().GetPrimary(uuid)->balloon_lack, "");
  subject_->Edit("acme-primary", "</vcpu>", "</vcpu><memoryBacking><locked/></memoryBacking>");
  EXPECT_EQ(hypervisor().GetPrimary(uuid)->balloon_lack, "its memory is locked");
}

TEST_P(HypervisorContract, LeavesNothingOfADomainThatItCannotStart) {
  DomainSpec bad = Spec();
  bad.kernel->cmdline = "a\nb";
  ExpectError(hypervisor().StartDomain(bad).status(), absl::StatusCode::kInternal,
              Reason::kInternalError);
  EXPECT_THAT(*hypervisor().ListDomains(), IsEmpty());

  const DomainSpec first = Spec();
  ASSERT_TRUE(hypervisor().StartDomain(first).ok());
  DomainSpec same_name = Spec("web", 1002);
  ExpectError(hypervisor().StartDomain(same_name).status(), absl::StatusCode::kInternal,
              Reason::kInternalError);
  ASSERT_EQ(hypervisor().ListDomains()->size(), 1U);
  EXPECT_EQ(hypervisor().ListDomains()->front().vm_id, first.vm_id);
}

TEST_P(HypervisorContract, NeverTouchesADomainThatIsNotFlatvms) {
  const std::string uuid = subject_->Define("acme-primary");
  subject_->Start("acme-primary");
  EXPECT_EQ(hypervisor().RemoveDomain(uuid).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(hypervisor().GetPrimary(uuid)->running);
  EXPECT_THAT(*hypervisor().ListDomains(), IsEmpty());
}

TEST_P(HypervisorContract, FindsAPrimaryByNameAndByUuid) {
  const std::string uuid = subject_->Define("acme-primary");
  for (const std::string& reference : {std::string("acme-primary"), uuid}) {
    const auto primary = hypervisor().GetPrimary(reference);
    ASSERT_TRUE(primary.ok()) << primary.status();
    EXPECT_EQ(primary->uuid, uuid);
    EXPECT_EQ(primary->name, "acme-primary");
    EXPECT_TRUE(primary->persistent);
    EXPECT_FALSE(primary->running);
    EXPECT_EQ(primary->memory_mib, kMemoryMib);
    EXPECT_EQ(primary->vcpus, kVcpus);
    EXPECT_EQ(primary->boot_id, "");
    EXPECT_EQ(primary->live_partition, "");
    EXPECT_EQ(primary->live_cid.value, 0U);
    EXPECT_THAT(primary->live_macs, IsEmpty());
    EXPECT_THAT(primary->definition_xml, HasSubstr(uuid));
  }
}

TEST_P(HypervisorContract, SaysWhyADomainIsNoPrimary) {
  for (const char* nobody : {"nobody", "", "6b1c8f4e-7a31-4d1e-9c55-2f0e6d7a8b90", "a/b\n"}) {
    ExpectError(hypervisor().GetPrimary(nobody).status(), absl::StatusCode::kNotFound,
                Reason::kPrimaryNotDefined);
    ExpectError(hypervisor().AttachPrimary(nobody, Attachment()).status(),
                absl::StatusCode::kNotFound, Reason::kPrimaryNotDefined);
    ExpectError(hypervisor().RestartPrimary(nobody, 0), absl::StatusCode::kNotFound,
                Reason::kPrimaryNotDefined);
  }
  const DomainSpec secondary = Spec();
  ASSERT_TRUE(hypervisor().StartDomain(secondary).ok());
  for (const std::string& reference : {secondary.vm_id, std::string("flatvm-acme.web")}) {
    const absl::Status status = hypervisor().GetPrimary(reference).status();
    ExpectError(status, absl::StatusCode::kFailedPrecondition, Reason::kPrimaryNotDefined);
    EXPECT_THAT(std::string(status.message()), HasSubstr("is a secondary"));
  }
}

TEST_P(HypervisorContract, NeedsAPersistentDefinitionForAPrimary) {
  const std::string uuid = subject_->StartTransient("fleeting");
  const auto primary = hypervisor().GetPrimary("fleeting");
  ASSERT_TRUE(primary.ok()) << primary.status();
  EXPECT_FALSE(primary->persistent);
  EXPECT_TRUE(primary->running);
  EXPECT_EQ(primary->definition_xml, "");
  EXPECT_EQ(primary->memory_mib, kMemoryMib);
  ExpectError(hypervisor().AttachPrimary(uuid, Attachment()).status(),
              absl::StatusCode::kFailedPrecondition, Reason::kPrimaryNotDefined);
  ExpectError(hypervisor().RestartPrimary(uuid, 0), absl::StatusCode::kFailedPrecondition,
              Reason::kPrimaryNotDefined);
  EXPECT_TRUE(hypervisor().GetPrimary("fleeting")->running);
}

TEST_P(HypervisorContract, GivesARunningPrimaryItsPartsAtTheNextStart) {
  const std::string uuid = subject_->Define("acme-primary");
  subject_->Start("acme-primary");
  const auto undo = hypervisor().AttachPrimary("acme-primary", Attachment());
  ASSERT_TRUE(undo.ok()) << undo.status();
  EXPECT_EQ(undo->uuid, uuid);
  const auto before = hypervisor().GetPrimary(uuid);
  EXPECT_EQ(before->live_cid.value, 0U);
  EXPECT_THAT(before->live_macs, IsEmpty());

  ASSERT_TRUE(hypervisor().RestartPrimary(uuid, 0).ok());
  const auto after = hypervisor().GetPrimary(uuid);
  EXPECT_TRUE(after->running);
  EXPECT_EQ(after->live_cid.value, 1000U);
  EXPECT_EQ(after->live_partition, "/flatvm/acme");
  EXPECT_THAT(after->live_macs, Contains("52:54:00:d5:00:02"));
}

TEST_P(HypervisorContract, TellsOneBootFromTheNext) {
  const std::string uuid = subject_->Define("acme-primary");
  ASSERT_TRUE(hypervisor().RestartPrimary(uuid, 1000).ok()) << "starts one that was shut off";
  const std::string first = hypervisor().GetPrimary(uuid)->boot_id;
  EXPECT_NE(first, "");
  EXPECT_EQ(hypervisor().GetPrimary("acme-primary")->boot_id, first);
  ASSERT_TRUE(hypervisor().RestartPrimary(uuid, 1000).ok());
  EXPECT_NE(hypervisor().GetPrimary(uuid)->boot_id, first);
}

TEST_P(HypervisorContract, AttachesOnce) {
  subject_->Define("acme-primary");
  const auto first = hypervisor().AttachPrimary("acme-primary", Attachment());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_NE(first->after_xml, first->before_xml);
  EXPECT_EQ(first->after_xml, DefinitionOf("acme-primary"));
  const auto second = hypervisor().AttachPrimary("acme-primary", Attachment());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->before_xml, first->after_xml);
  EXPECT_EQ(second->after_xml, first->after_xml);
}

TEST_P(HypervisorContract, PutsTheDefinitionBack) {
  subject_->Define("acme-primary");
  const std::string before = DefinitionOf("acme-primary");
  const auto undo = hypervisor().AttachPrimary("acme-primary", Attachment());
  ASSERT_TRUE(undo.ok()) << undo.status();
  EXPECT_EQ(undo->before_xml, before);
  EXPECT_TRUE(hypervisor().DetachPrimary(*undo).ok());
  EXPECT_EQ(DefinitionOf("acme-primary"), before);
  EXPECT_TRUE(hypervisor().DetachPrimary(*undo).ok()) << "twice";
  EXPECT_EQ(DefinitionOf("acme-primary"), before);
}

TEST_P(HypervisorContract, KeepsEditsOfOthersWhenItPutsTheDefinitionBack) {
  subject_->Define("acme-primary");
  const auto undo = hypervisor().AttachPrimary("acme-primary", Attachment());
  ASSERT_TRUE(undo.ok()) << undo.status();
  subject_->Edit("acme-primary", ">2</vcpu>", ">3</vcpu>");
  EXPECT_TRUE(hypervisor().DetachPrimary(*undo).ok());
  EXPECT_EQ(hypervisor().GetPrimary("acme-primary")->vcpus, 3U);
  EXPECT_THAT(DefinitionOf("acme-primary"), Not(HasSubstr("flatvm")));
  EXPECT_THAT(DefinitionOf("acme-primary"), Not(HasSubstr("<vsock")));
}

TEST_P(HypervisorContract, UndoesAnAttachmentOfWhichOnlyTheIntentIsKnown) {
  const std::string uuid = subject_->Define("acme-primary");
  const std::string before = DefinitionOf("acme-primary");
  const PrimaryUndo intent{.uuid = uuid, .before_xml = before, .attachment = Attachment()};
  EXPECT_TRUE(hypervisor().DetachPrimary(intent).ok()) << "nothing was attached";
  EXPECT_EQ(DefinitionOf("acme-primary"), before);
  ASSERT_TRUE(hypervisor().AttachPrimary("acme-primary", Attachment()).ok());
  EXPECT_TRUE(hypervisor().DetachPrimary(intent).ok());
  EXPECT_THAT(DefinitionOf("acme-primary"), Not(HasSubstr("flatvm")));
}

TEST_P(HypervisorContract, HasNothingToDetachFromAPrimaryThatIsNoLongerDefined) {
  subject_->Define("acme-primary");
  const auto undo = hypervisor().AttachPrimary("acme-primary", Attachment());
  ASSERT_TRUE(undo.ok()) << undo.status();
  subject_->Undefine("acme-primary");
  EXPECT_TRUE(hypervisor().DetachPrimary(*undo).ok());
}

TEST_P(HypervisorContract, KnowsEveryCidOfTheHost) {
  ASSERT_TRUE(hypervisor().StartDomain(Spec("web", 2001)).ok());
  subject_->Define("acme-primary");
  const auto undo = hypervisor().AttachPrimary("acme-primary", Attachment());
  ASSERT_TRUE(undo.ok()) << undo.status();
  auto cids = hypervisor().ListUsedCids({});
  ASSERT_TRUE(cids.ok()) << cids.status();
  EXPECT_THAT(*cids, Contains(base::VsockCid{2001}));
  EXPECT_THAT(*cids, Contains(base::VsockCid{1000}));
  const std::set<std::string> ours = {undo->uuid};
  EXPECT_THAT(*hypervisor().ListUsedCids(ours), Not(Contains(base::VsockCid{1000}))) << "it is off";

  // It runs with the CID, though it is to start without it.
  subject_->Start("acme-primary");
  ASSERT_TRUE(hypervisor().DetachPrimary(*undo).ok());
  EXPECT_THAT(*hypervisor().ListUsedCids({}), Contains(base::VsockCid{1000}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(*hypervisor().ListUsedCids(ours), Contains(base::VsockCid{1000}));
  }
  ASSERT_TRUE(hypervisor().RestartPrimary(undo->uuid, 1000).ok());
  EXPECT_THAT(*hypervisor().ListUsedCids(ours), Not(Contains(base::VsockCid{1000})));
  EXPECT_THAT(*hypervisor().ListUsedCids({}), Not(Contains(base::VsockCid{1000})));
}

INSTANTIATE_TEST_SUITE_P(All, HypervisorContract,
                         ::testing::Values(Implementation{"Fake", Make<FakeSubject>},
                                           Implementation{"LibvirtTestDriver",
                                                          Make<TestDriverSubject>}),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace flatvm::hypervisor
