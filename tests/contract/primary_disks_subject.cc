#include "tests/contract/primary_disks_subject.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/base/clock.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"
#include "daemon/hypervisor/libvirt_primary_disks.h"
#include "daemon/hypervisor/primary_disk_xml.h"
#include "daemon/libvirt/metadata.h"
#include "tests/fakes/fake_hypervisor.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/libvirt_embedded_qemu.h"

namespace flatvm::hypervisor {
namespace {

using fakes::DiskGuest;

constexpr char kName[] = "acme-primary";

class FakeSubject final : public PrimaryDisksSubject {
 public:
  PrimaryDisks& disks() override { return disks_; }
  std::string Define(DiskGuest guest) override {
    disks_.SetGuest(guest);
    return hypervisor_.DefinePrimary(kName, 512, 2);
  }
  std::string StartTransient() override { return hypervisor_.StartTransientPrimary(kName, 512, 2); }
  std::string StartSecondary() override {
    const DomainSpec spec{.tenant = "acme",
                          .vm_id = base::NewUuid(),
                          .vm_name = "web",
                          .memory_mib = 192,
                          .vcpus = 1,
                          .cid = base::VsockCid{1001},
                          .nics = {{.mac = "52:54:00:d5:00:03", .network = "flatvm-acme"}},
                          .partition = "/flatvm/acme",
                          .kernel = DomainKernel{.kernel_path = "/vmlinuz"},
                          .console_log = "/var/lib/flatvm/console.log"};
    EXPECT_TRUE(hypervisor_.StartDomain(spec).ok());
    return spec.vm_id;
  }
  void Undefine() override { hypervisor_.UndefinePrimary(kName); }
  void Start() override { hypervisor_.StartPrimary(kName); }
  void Stop() override { hypervisor_.StopPrimary(kName); }
  std::string MakeFile(const std::string& name) override { return "/volumes/" + name; }
  std::vector<std::string> Defined(const std::string& uuid) override {
    std::vector<std::string> paths;
    const fakes::FakeDisks disks = disks_.Snapshot()[uuid];
    for (const PrimaryDisk& disk : disks.defined) paths.push_back(disk.path);
    return paths;
  }
  uint64_t LiveBytes(const std::string& uuid, const std::string& path) override {
    const fakes::FakeDisks disks = disks_.Snapshot()[uuid];
    const auto it = disks.sizes_bytes.find(path);
    return it == disks.sizes_bytes.end() ? kDiskBytes : it->second;
  }

 private:
  fakes::FakeHypervisor hypervisor_;
  fakes::FakePrimaryDisks disks_{hypervisor_};
};

class QemuSubject final : public PrimaryDisksSubject {
 public:
  QemuSubject() {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) return;
    if (qemu_ == nullptr) qemu_ = std::make_unique<integration::EmbeddedQemu>();
    auto connect = qemu_->connection.Get();
    if (!connect.ok()) return;
    connect_ = *std::move(connect);
    disks_ = std::make_unique<LibvirtPrimaryDisks>(qemu_->connection, log_, clock_);
  }
  ~QemuSubject() override {
    if (connect_ == nullptr) return;
    for (const char* name : {kName, "flatvm-acme.web"}) {
      const libvirt::DomainPtr domain = Find(name);
      if (domain == nullptr) continue;
      virDomainDestroy(domain.get());
      virDomainUndefine(domain.get());
    }
  }

  std::string Lack() const override {
    return connect_ == nullptr ? "needs QEMU and libvirt's embedded driver of it" : "";
  }
  PrimaryDisks& disks() override { return *disks_; }
  std::string Define(DiskGuest guest) override {
    const std::string uuid = base::NewUuid();
    const libvirt::DomainPtr domain(
        virDomainDefineXML(connect_.get(), Xml(kName, uuid, guest).c_str()));
    EXPECT_NE(domain, nullptr) << virGetLastErrorMessage();
    return uuid;
  }
  std::string StartTransient() override {
    const std::string uuid = base::NewUuid();
    Create(Xml(kName, uuid, DiskGuest::kLetsGo));
    return uuid;
  }
  std::string StartSecondary() override {
    const std::string uuid = base::NewUuid();
    Create(Xml("flatvm-acme.web", uuid, DiskGuest::kLetsGo,
               base::StrCat("<f:secondary xmlns:f='", libvirt::kMetadataUri, "' tenant='acme' id='",
                            uuid, "' name='web'/>")));
    return uuid;
  }
  void Undefine() override { EXPECT_EQ(virDomainUndefine(Find(kName).get()), 0); }
  void Start() override {
    EXPECT_EQ(virDomainCreate(Find(kName).get()), 0) << virGetLastErrorMessage();
  }
  void Stop() override { EXPECT_EQ(virDomainDestroy(Find(kName).get()), 0); }
  std::string MakeFile(const std::string& name) override {
    std::string path = qemu_->root.path() + "/" + name;
    std::ofstream(path).close();
    std::filesystem::resize_file(path, kDiskBytes);
    return path;
  }
  std::vector<std::string> Defined(const std::string&) override {
    const libvirt::TextPtr xml(virDomainGetXMLDesc(Find(kName).get(), VIR_DOMAIN_XML_INACTIVE));
    std::vector<std::string> paths;
    const auto facts = ParseDisks(xml.get());
    for (const FoundDisk& disk : facts->disks) paths.push_back(disk.path);
    return paths;
  }
  uint64_t LiveBytes(const std::string&, const std::string& path) override {
    virDomainBlockInfo info{};
    EXPECT_EQ(virDomainGetBlockInfo(Find(kName).get(), path.c_str(), &info, 0), 0);
    return info.capacity;
  }

  static void End() { qemu_.reset(); }

 private:
  static std::string Xml(const std::string& name, const std::string& uuid, DiskGuest guest,
                         const std::string& metadata = "") {
    return integration::PluggableXml(name, uuid,
                                     guest == DiskGuest::kKeeps ? integration::DiskGuest::kKeeps
                                                                : integration::DiskGuest::kLetsGo,
                                     3, metadata);
  }
  void Create(const std::string& xml) {
    const libvirt::DomainPtr domain(virDomainCreateXML(connect_.get(), xml.c_str(), 0));
    EXPECT_NE(domain, nullptr) << virGetLastErrorMessage();
  }
  libvirt::DomainPtr Find(const char* name) const {
    return libvirt::DomainPtr(virDomainLookupByName(connect_.get(), name));
  }

  inline static std::unique_ptr<integration::EmbeddedQemu> qemu_;

  libvirt::ConnectPtr connect_;
  fakes::FakeLog log_;
  const base::RealClock clock_;
  std::unique_ptr<LibvirtPrimaryDisks> disks_;
};

}  // namespace

std::unique_ptr<PrimaryDisksSubject> MakeFakePrimaryDisksSubject() {
  return std::make_unique<FakeSubject>();
}

std::unique_ptr<PrimaryDisksSubject> MakeQemuPrimaryDisksSubject() {
  return std::make_unique<QemuSubject>();
}

void EndQemuPrimaryDisks() { QemuSubject::End(); }

}  // namespace flatvm::hypervisor
