// What every PrimaryShare does: the fake, and the real one on libvirt's in-memory test driver. That
// driver has no CPU quota (libvirt 9.0: only "weight"), so what a quota does is asked of the fake
// only; on the real one it is shown end to end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"
#include "daemon/hypervisor/libvirt_hypervisor.h"
#include "daemon/hypervisor/libvirt_primary_share.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/event_loop.h"
#include "daemon/libvirt/handles.h"
#include "tests/fakes/fake_hypervisor.h"
#include "tests/fakes/fake_log.h"
#include "tests/fakes/fake_primary_share.h"

namespace flatvm::hypervisor {
namespace {

using base::Reason;

constexpr char kName[] = "acme-primary";
constexpr uint32_t kMemoryMib = 512;

// One implementation, and its host as an operator works on it.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual PrimaryShare& share() = 0;
  virtual Hypervisor& hypervisor() = 0;
  // Defines kName with kMemoryMib and a balloon of this model; returns its UUID.
  virtual std::string Define(const std::string& balloon_model) = 0;
  virtual void Start() = 0;
  virtual void Stop() = 0;
};

class FakeSubject final : public Subject {
 public:
  PrimaryShare& share() override { return share_; }
  Hypervisor& hypervisor() override { return hypervisor_; }
  std::string Define(const std::string& balloon_model) override {
    const std::string uuid = hypervisor_.DefinePrimary(kName, kMemoryMib, 2);
    hypervisor_.EditPrimary(kName, [&](std::string* xml) {
      const std::string old = "model='virtio'";
      xml->replace(xml->find(old), old.size(), "model='" + balloon_model + "'");
    });
    return uuid;
  }
  void Start() override { hypervisor_.StartPrimary(kName); }
  void Stop() override { hypervisor_.StopPrimary(kName); }

 private:
  fakes::FakeHypervisor hypervisor_;
  fakes::FakePrimaryShare share_{hypervisor_};
};

class TestDriverSubject final : public Subject {
 public:
  TestDriverSubject() : connection_("test:///default"), connect_(*connection_.Get()) {}

  PrimaryShare& share() override { return share_; }
  Hypervisor& hypervisor() override { return hypervisor_; }
  std::string Define(const std::string& balloon_model) override {
    const std::string uuid = base::NewUuid();
    const std::string xml = base::StrCat(
        "<domain type='test'><name>", kName, "</name><uuid>", uuid, "</uuid><memory unit='MiB'>",
        kMemoryMib, "</memory><vcpu>2</vcpu><os><type>hvm</type></os><devices><memballoon model='",
        balloon_model, "'/></devices></domain>");
    const libvirt::DomainPtr domain(virDomainDefineXML(connect_.get(), xml.c_str()));
    EXPECT_NE(domain, nullptr) << xml;
    return uuid;
  }
  void Start() override { EXPECT_EQ(virDomainCreate(Find().get()), 0); }
  void Stop() override { EXPECT_EQ(virDomainDestroy(Find().get()), 0); }

 private:
  libvirt::DomainPtr Find() {
    return libvirt::DomainPtr(virDomainLookupByName(connect_.get(), kName));
  }

  libvirt::EventLoop event_loop_;
  libvirt::Connection connection_;
  libvirt::ConnectPtr connect_;
  fakes::FakeLog log_;
  LibvirtHypervisor hypervisor_{connection_, log_};
  LibvirtPrimaryShare share_{connection_};
};

struct Implementation {
  const char* name;
  std::unique_ptr<Subject> (*make)();
};

template <typename T>
std::unique_ptr<Subject> Make() {
  return std::make_unique<T>();
}

class PrimaryShareContract : public ::testing::TestWithParam<Implementation> {
 protected:
  // Calls everything with this UUID; each is to fail like this.
  void ExpectEveryCallToFail(const std::string& uuid, absl::StatusCode code, Reason reason) {
    for (const absl::Status& status :
         {share().ReadMemory(uuid).status(), share().SetMemory(uuid, 1),
          share().SetCpuQuota(uuid, 100), share().ReadCpuQuota(uuid).status()}) {
      ExpectError(status, code, reason);
    }
  }
  static void ExpectError(const absl::Status& status, absl::StatusCode code, Reason reason) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(base::GetErrorInfo(status).reason, reason) << status;
  }

  std::string DefineAndStart(const std::string& balloon_model = "virtio") {
    std::string uuid = subject_->Define(balloon_model);
    subject_->Start();
    return uuid;
  }

  PrimaryShare& share() { return subject_->share(); }

  const std::unique_ptr<Subject> subject_ = GetParam().make();
};

constexpr PrimaryMemory kAll{
    .maximum_mib = kMemoryMib, .actual_mib = kMemoryMib, .has_driver = true};

TEST_P(PrimaryShareContract, KnowsWhoIsNoPrimary) {
  for (const char* nobody : {"", "6b1c8f4e-7a31-4d1e-9c55-2f0e6d7a8b90", "a/b\n"}) {
    ExpectEveryCallToFail(nobody, absl::StatusCode::kNotFound, Reason::kPrimaryNotDefined);
  }
  const DomainSpec secondary{.tenant = "acme",
                             .vm_id = base::NewUuid(),
                             .vm_name = "web",
                             .memory_mib = 192,
                             .vcpus = 1,
                             .cid = base::VsockCid{1001},
                             .nics = {{.mac = "52:54:00:d5:00:03", .network = "flatvm-acme"}},
                             .partition = "/flatvm/acme",
                             .kernel = DomainKernel{.kernel_path = "/vmlinuz"},
                             .console_log = "/var/lib/flatvm/console.log",
                             .cpu_quota_percent = 100};
  ASSERT_TRUE(subject_->hypervisor().StartDomain(secondary).ok());
  ExpectEveryCallToFail(secondary.vm_id, absl::StatusCode::kFailedPrecondition,
                        Reason::kPrimaryNotDefined);
}

TEST_P(PrimaryShareContract, HasNothingToSayOfAPrimaryThatIsOff) {
  const std::string uuid = subject_->Define("virtio");
  ExpectEveryCallToFail(uuid, absl::StatusCode::kFailedPrecondition, Reason::kPrimaryNotRunning);
  subject_->Start();
  EXPECT_TRUE(share().ReadMemory(uuid).ok());
  subject_->Stop();
  ExpectEveryCallToFail(uuid, absl::StatusCode::kFailedPrecondition, Reason::kPrimaryNotRunning);
}

TEST_P(PrimaryShareContract, TakesMemoryAndGivesItBack) {
  const std::string uuid = DefineAndStart();
  EXPECT_EQ(*share().ReadMemory(uuid), kAll);
  for (const uint32_t mib : {320U, 1U, kMemoryMib - 1, kMemoryMib}) {
    const absl::Status status = share().SetMemory(uuid, mib);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(share().SetMemory(uuid, mib).ok()) << "twice";
    const PrimaryMemory expected{.maximum_mib = kMemoryMib, .actual_mib = mib, .has_driver = true};
    EXPECT_EQ(*share().ReadMemory(uuid), expected) << mib;
  }
}

TEST_P(PrimaryShareContract, RefusesMoreThanThereIs) {
  const std::string uuid = DefineAndStart();
  for (const uint32_t mib : {0U, kMemoryMib + 1, 0xFFFFFFFFU}) {
    ExpectError(share().SetMemory(uuid, mib), absl::StatusCode::kInternal, Reason::kInternalError);
  }
  EXPECT_EQ(*share().ReadMemory(uuid), kAll);
}

TEST_P(PrimaryShareContract, CannotTakeMemoryWithoutABalloon) {
  const std::string uuid = DefineAndStart("none");
  const PrimaryMemory expected{.maximum_mib = kMemoryMib, .actual_mib = kMemoryMib};
  EXPECT_EQ(*share().ReadMemory(uuid), expected);
  ExpectError(share().SetMemory(uuid, 256), absl::StatusCode::kFailedPrecondition,
              Reason::kPrimaryKeepsMemory);
  EXPECT_EQ(*share().ReadMemory(uuid), expected);
}

TEST_P(PrimaryShareContract, LeavesTheDefinitionAlone) {
  const std::string uuid = DefineAndStart();
  const auto definition = [&] { return subject_->hypervisor().GetPrimary(uuid)->definition_xml; };
  const std::string before = definition();
  ASSERT_TRUE(share().ReadMemory(uuid).ok());
  ASSERT_TRUE(share().SetMemory(uuid, 256).ok());
  (void)share().SetCpuQuota(uuid, 150);  // libvirt's test driver has none
  EXPECT_EQ(definition(), before);
  subject_->Stop();
  EXPECT_EQ(definition(), before);
}

TEST_P(PrimaryShareContract, EndsWithTheRun) {
  const std::string uuid = DefineAndStart();
  ASSERT_TRUE(share().SetMemory(uuid, 256).ok());
  ASSERT_TRUE(subject_->hypervisor().RestartPrimary(uuid, 1000).ok());
  EXPECT_EQ(*share().ReadMemory(uuid), kAll);
}

INSTANTIATE_TEST_SUITE_P(All, PrimaryShareContract,
                         ::testing::Values(Implementation{"Fake", Make<FakeSubject>},
                                           Implementation{"LibvirtTestDriver",
                                                          Make<TestDriverSubject>}),
                         [](const auto& tested) { return std::string(tested.param.name); });

class CpuQuotaContract : public PrimaryShareContract {};

TEST_P(CpuQuotaContract, IsSetReadAndLifted) {
  const std::string uuid = DefineAndStart();
  EXPECT_EQ(*share().ReadCpuQuota(uuid), 0U);
  for (const uint32_t percent : {1U, 150U, 51'200U, 0U, 0U}) {
    ASSERT_TRUE(share().SetCpuQuota(uuid, percent).ok());
    EXPECT_EQ(*share().ReadCpuQuota(uuid), percent);
  }
}

TEST_P(CpuQuotaContract, EndsWithTheRun) {
  const std::string uuid = DefineAndStart();
  ASSERT_TRUE(share().SetCpuQuota(uuid, 150).ok());
  ASSERT_TRUE(subject_->hypervisor().RestartPrimary(uuid, 1000).ok());
  EXPECT_EQ(*share().ReadCpuQuota(uuid), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, CpuQuotaContract,
                         ::testing::Values(Implementation{"Fake", Make<FakeSubject>}),
                         [](const auto& tested) { return std::string(tested.param.name); });

// What tests of the broker count on, beyond the port.
class FakePrimaryShareTest : public ::testing::Test {
 protected:
  FakePrimaryShareTest() : uuid_(hypervisor_.DefinePrimary(kName, kMemoryMib, 2)) {
    hypervisor_.StartPrimary(kName);
  }

  uint32_t Actual() { return share_.ReadMemory(uuid_)->actual_mib; }

  fakes::FakeHypervisor hypervisor_;
  fakes::FakePrimaryShare share_{hypervisor_};
  const std::string uuid_;
};

TEST_F(FakePrimaryShareTest, HasGuestsThatKeepTheirMemory) {
  for (const auto guest : {fakes::BalloonGuest::kKeeps, fakes::BalloonGuest::kNoDriver}) {
    hypervisor_.SetBalloonGuest(kName, guest);
    ASSERT_TRUE(share_.SetMemory(uuid_, 128).ok());
    const PrimaryMemory expected{.maximum_mib = kMemoryMib,
                                 .actual_mib = kMemoryMib,
                                 .has_driver = guest == fakes::BalloonGuest::kKeeps};
    EXPECT_EQ(*share_.ReadMemory(uuid_), expected);
  }
  hypervisor_.SetBalloonGuest(kName, fakes::BalloonGuest::kCooperates);
  EXPECT_EQ(Actual(), 128U) << "it was asked before";
}

TEST_F(FakePrimaryShareTest, HasAGuestThatTakesItsTime) {
  hypervisor_.SetBalloonGuest(kName, fakes::BalloonGuest::kSlow, 2);
  ASSERT_TRUE(share_.SetMemory(uuid_, 128).ok());
  EXPECT_EQ(Actual(), kMemoryMib);
  ASSERT_TRUE(share_.SetMemory(uuid_, 128).ok()) << "which does not make it begin again";
  EXPECT_EQ(Actual(), kMemoryMib);
  EXPECT_EQ(Actual(), 128U);
  ASSERT_TRUE(share_.SetMemory(uuid_, kMemoryMib).ok());
  EXPECT_EQ(Actual(), kMemoryMib) << "it takes back at once";
}

TEST_F(FakePrimaryShareTest, ShowsLeftoversAndNothingElse) {
  hypervisor_.SetBalloonGuest(kName, fakes::BalloonGuest::kSlow, 2);
  const auto before = hypervisor_.Snapshot();
  ASSERT_TRUE(share_.SetMemory(uuid_, 128).ok());
  EXPECT_FALSE(hypervisor_.Snapshot() == before) << "what it is asked for counts";
  ASSERT_TRUE(share_.SetMemory(uuid_, kMemoryMib).ok());
  EXPECT_TRUE(hypervisor_.Snapshot() == before);
  ASSERT_TRUE(share_.SetCpuQuota(uuid_, 150).ok());
  EXPECT_FALSE(hypervisor_.Snapshot() == before);
  ASSERT_TRUE(share_.SetCpuQuota(uuid_, 0).ok());
  EXPECT_TRUE(hypervisor_.Snapshot() == before);
  share_.FailNext("SetMemory", absl::InternalError("no"));
  EXPECT_FALSE(share_.SetMemory(uuid_, 128).ok());
  EXPECT_TRUE(hypervisor_.Snapshot() == before);
}

}  // namespace
}  // namespace flatvm::hypervisor
