#include "daemon/hypervisor/domain_xml.h"

#include <gtest/gtest.h>

#include <functional>
#include <pugixml.hpp>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/hypervisor/domain_facts.h"
#include "tests/unit/hypervisor/golden.h"
#include "tests/unit/hypervisor/specs.h"

namespace flatvm::hypervisor {
namespace {

struct Golden {
  const char* file;
  DomainSpec spec;
  Virtualization virtualization;
};

std::vector<DomainDisk> Volumes(size_t count) {
  std::vector<DomainDisk> disks;
  for (size_t i = 0; i < count; ++i) disks.push_back(VolumeDisk(std::to_string(i)));
  return disks;
}

TEST(DomainXml, IsWhatWasReviewed) {
  const std::vector<Golden> goldens = {
      {"kernel_kvm.xml", KernelSpec(), Virtualization::kKvm},
      {"disk_kvm.xml", DiskSpec(), Virtualization::kKvm},
      {"diskless_tcg.xml", DisklessSpec(), Virtualization::kTcg},
      {"volumes_kvm.xml", VolumesSpec(), Virtualization::kKvm},
  };
  for (const Golden& golden : goldens) {
    const auto xml = BuildDomainXml(golden.spec, golden.virtualization);
    ASSERT_TRUE(xml.ok()) << golden.file << ": " << xml.status();
    EXPECT_EQ(*xml, ReadGolden(golden.file)) << golden.file;
  }
}

TEST(DomainXml, SaysToItsReaderWhoseItIs) {
  const auto xml = BuildDomainXml(KernelSpec(), Virtualization::kKvm);
  ASSERT_TRUE(xml.ok());
  const auto facts = ParseDomainXml(*xml);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_TRUE(facts->IsSecondary());
  EXPECT_EQ(facts->tenant, "acme");
  EXPECT_EQ(facts->vm_id, KernelSpec().vm_id);
  EXPECT_EQ(facts->name, "flatvm-acme.web");
  EXPECT_EQ(facts->memory_mib, 192U);
  EXPECT_EQ(facts->vcpus, 1U);
  EXPECT_EQ(facts->cid.value, 1001U);
  EXPECT_EQ(facts->partition, "/flatvm/acme");
}

TEST(DomainXml, EscapesText) {
  const DomainSpec spec = DisklessSpec();
  const auto xml = BuildDomainXml(spec, Virtualization::kKvm);
  ASSERT_TRUE(xml.ok());
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(xml->c_str()));
  const pugi::xml_node os = document.child("domain").child("os");
  EXPECT_EQ(os.child_value("cmdline"), spec.kernel->cmdline);
  EXPECT_EQ(os.child_value("kernel"), spec.kernel->kernel_path);
  EXPECT_FALSE(os.child("x"));
}

TEST(DomainXml, HasNoDeviceThatItDoesNotNeed) {
  const auto xml = BuildDomainXml(KernelSpec(), Virtualization::kKvm);
  ASSERT_TRUE(xml.ok());
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(xml->c_str()));
  const pugi::xml_node devices = document.child("domain").child("devices");
  for (const char* name : {"graphics", "video", "sound", "input", "hostdev", "filesystem", "tpm",
                           "redirdev", "emulator"}) {
    EXPECT_FALSE(devices.child(name)) << name;
  }
  EXPECT_STREQ(devices.child("controller").attribute("model").value(), "none");
}

TEST(DomainXml, KeepsLibvirtFromTakingTheBackingFilesOwnership) {
  const auto xml = BuildDomainXml(KernelSpec(), Virtualization::kKvm);
  ASSERT_TRUE(xml.ok());
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(xml->c_str()));
  const pugi::xml_node disk = document.child("domain").child("devices").child("disk");
  EXPECT_FALSE(disk.child("source").child("seclabel"));
  const pugi::xml_node label = disk.child("backingStore").child("source").child("seclabel");
  EXPECT_STREQ(label.attribute("model").value(), "dac");
  EXPECT_STREQ(label.attribute("relabel").value(), "no");
}

TEST(DomainXml, LetsLibvirtGiveAPrivateBackingFileToQemu) {
  DomainSpec spec = DiskSpec();
  spec.disks[0].backing_is_private = true;
  const auto xml = BuildDomainXml(spec, Virtualization::kKvm);
  ASSERT_TRUE(xml.ok());
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(xml->c_str()));
  const pugi::xml_node disk = document.child("domain").child("devices").child("disk");
  const pugi::xml_node backing = disk.child("backingStore");
  EXPECT_TRUE(backing.child("source").attribute("file"));
  EXPECT_FALSE(backing.child("source").child("seclabel"));
  EXPECT_STREQ(backing.child("format").attribute("type").value(), "qcow2");
  EXPECT_TRUE(backing.child("backingStore")) << "QEMU would look for one in the file";
  EXPECT_FALSE(backing.child("backingStore").first_child());
}

TEST(DomainXml, HasNineDisksAndBootsFromTheFirst) {
  for (const bool kernel : {false, true}) {
    DomainSpec spec = KernelSpec();
    if (!kernel) spec.kernel.reset();
    spec.disks = Volumes(9);
    spec.disks[8].serial.clear();
    const auto xml = BuildDomainXml(spec, Virtualization::kKvm);
    ASSERT_TRUE(xml.ok()) << xml.status();
    pugi::xml_document document;
    ASSERT_TRUE(document.load_string(xml->c_str()));
    std::string targets;
    size_t boots = 0;
    for (const pugi::xml_node& disk : document.child("domain").child("devices").children("disk")) {
      targets += disk.child("target").attribute("dev").value();
      if (disk.child("boot")) ++boots;
      EXPECT_TRUE(disk.child("backingStore")) << "libvirt would look for one in the file";
      EXPECT_FALSE(disk.child("backingStore").first_child());
      EXPECT_STREQ(disk.child("driver").attribute("type").value(), "raw");
    }
    EXPECT_EQ(targets, "vdavdbvdcvddvdevdfvdgvdhvdi");
    EXPECT_EQ(boots, kernel ? 0U : 1U);
    const pugi::xml_node first = document.child("domain").child("devices").child("disk");
    EXPECT_EQ(bool(first.child("boot")), !kernel);
    EXPECT_STREQ(first.child_value("serial"), "vol-0");
  }
}

TEST(DomainXml, RefusesWhatMustNotReachLibvirt) {
  using Spoil = std::function<void(DomainSpec&)>;
  const std::string control = "/a\nb";
  const std::vector<std::pair<std::string, Spoil>> cases = {
      {"tenant", [](DomainSpec& s) { s.tenant = ""; }},
      {"tenant", [](DomainSpec& s) { s.tenant = "a.b"; }},
      {"tenant", [](DomainSpec& s) { s.tenant = "A"; }},
      {"vm_id", [](DomainSpec& s) { s.vm_id = "0b5c8f4e"; }},
      {"vm_id", [](DomainSpec& s) { s.vm_id = "0B5C8F4E-7A31-4D1E-9C55-2F0E6D7A8B90"; }},
      {"vm_name", [](DomainSpec& s) { s.vm_name = "a/b"; }},
      {"vm_name", [](DomainSpec& s) { s.vm_name = std::string(41, 'a'); }},
      {"memory_mib", [](DomainSpec& s) { s.memory_mib = 0; }},
      {"vcpus", [](DomainSpec& s) { s.vcpus = 0; }},
      {"vcpus", [](DomainSpec& s) { s.vcpus = 256; }},
      {"cpu_quota_percent", [](DomainSpec& s) { s.cpu_quota_percent = 101; }},
      {"cid", [](DomainSpec& s) { s.cid.value = 2; }},
      {"cid", [](DomainSpec& s) { s.cid.value = 0xFFFFFFFF; }},
      {"mac", [](DomainSpec& s) { s.nics[0].mac = "52:54:00:d5:00"; }},
      {"mac", [](DomainSpec& s) { s.nics[0].mac = "52:54:00:D5:00:03"; }},
      {"mac", [](DomainSpec& s) { s.nics[0].mac = "53:54:00:d5:00:03"; }},
      {"mac", [](DomainSpec& s) { s.nics[0].mac = "52-54-00-d5-00-03"; }},
      {"network", [](DomainSpec& s) { s.nics[0].network = ""; }},
      {"network", [](DomainSpec& s) { s.nics[0].network = "a b"; }},
      {"nics", [](DomainSpec& s) { s.nics.clear(); }},
      {"nics", [](DomainSpec& s) { s.nics.resize(5, s.nics[0]); }},
      {"mac", [](DomainSpec& s) { s.nics.resize(2, s.nics[0]); }},
      {"partition", [](DomainSpec& s) { s.partition = "flatvm/acme"; }},
      {"partition", [](DomainSpec& s) { s.partition = "/flatvm/../system"; }},
      {"partition", [](DomainSpec& s) { s.partition = "/flatvm/"; }},
      {"disks and kernel",
       [](DomainSpec& s) {
         s.disks.clear();
         s.kernel.reset();
       }},
      {"disk.path", [](DomainSpec& s) { s.disks[0].path = "disk.qcow2"; }},
      {"disk.path", [](DomainSpec& s) { s.disks[0].path = "json:{}"; }},
      {"disk.path", [&](DomainSpec& s) { s.disks[0].path = control; }},
      {"disk.path", [](DomainSpec& s) { s.disks[0].path = "/a\x80"; }},
      {"disk.path", [](DomainSpec& s) { s.disks[0].path = "/" + std::string(2000, 'a'); }},
      {"disk.backing_path", [](DomainSpec& s) { s.disks[0].backing_path = "nbd://x"; }},
      {"disk.backing_path", [](DomainSpec& s) { s.disks[0].backing_path = "/a/../b"; }},
      {"disk.format", [](DomainSpec& s) { s.disks[0].format = base::DiskFormat::kRaw; }},
      {"disk.serial", [](DomainSpec& s) { s.disks[0].serial = "Vol"; }},
      {"disk.serial", [](DomainSpec& s) { s.disks[0].serial = "a,b=c"; }},
      {"disk.serial", [](DomainSpec& s) { s.disks[0].serial = std::string(21, 'a'); }},
      {"disk.path", [](DomainSpec& s) { s.disks.push_back(s.disks[0]); }},
      {"disk.path", [](DomainSpec& s) { s.disks.push_back(DomainDisk{.path = "relative"}); }},
      {"disk.backing_path",
       [](DomainSpec& s) { s.disks.push_back(DomainDisk{.path = s.disks[0].backing_path}); }},
      {"disks", [](DomainSpec& s) { s.disks = Volumes(10); }},
      {"kernel.kernel_path", [](DomainSpec& s) { s.kernel->kernel_path = ""; }},
      {"kernel.initrd_path", [](DomainSpec& s) { s.kernel->initrd_path = "initrd"; }},
      {"kernel.cmdline", [](DomainSpec& s) { s.kernel->cmdline = "a\nb"; }},
      {"kernel.cmdline", [](DomainSpec& s) { s.kernel->cmdline = std::string("a\0b", 3); }},
      {"kernel.cmdline", [](DomainSpec& s) { s.kernel->cmdline = std::string(2049, 'a'); }},
      {"console_log", [](DomainSpec& s) { s.console_log = ""; }},
      {"console_log", [](DomainSpec& s) { s.console_log = "/"; }},
  };
  for (const auto& [field, spoil] : cases) {
    DomainSpec spec = KernelSpec();
    spoil(spec);
    const auto xml = BuildDomainXml(spec, Virtualization::kKvm);
    EXPECT_EQ(xml.status().code(), absl::StatusCode::kInternal) << field;
    EXPECT_EQ(base::GetErrorInfo(xml.status()).reason, base::Reason::kInternalError) << field;
    EXPECT_NE(xml.status().message().find(field), absl::string_view::npos)
        << field << ": " << xml.status();
  }
}

TEST(DomainXml, TakesAnyQuotaUpToWhatItsVcpusCanUse) {
  for (const uint32_t percent : {1U, 100U, 25'500U}) {
    DomainSpec spec = KernelSpec();
    spec.vcpus = percent <= 100 ? 1 : 255;
    spec.cpu_quota_percent = percent;
    const auto xml = BuildDomainXml(spec, Virtualization::kKvm);
    ASSERT_TRUE(xml.ok()) << xml.status();
    pugi::xml_document document;
    ASSERT_TRUE(document.load_string(xml->c_str()));
    const pugi::xml_node tune = document.child("domain").child("cputune");
    EXPECT_EQ(tune.child("global_quota").text().as_uint(), percent * 1000);
  }
}

TEST(DomainXml, TakesTheLongestCommandLine) {
  DomainSpec spec = KernelSpec();
  spec.kernel->cmdline = std::string(2048, 'a');
  EXPECT_TRUE(BuildDomainXml(spec, Virtualization::kKvm).ok());
}

TEST(DomainName, KeepsTenantAndNameApart) {
  EXPECT_EQ(DomainName("acme", "web"), "flatvm-acme.web");
  EXPECT_NE(DomainName("a-b", "c"), DomainName("a", "b-c"));
}

TEST(DomainXml, HasItsNicsInOrder) {
  DomainSpec spec = KernelSpec();
  spec.nics.push_back({.mac = "52:54:00:d5:01:02", .network = "flatvm-acme.storage"});
  const auto xml = BuildDomainXml(spec, Virtualization::kKvm);
  ASSERT_TRUE(xml.ok()) << xml.status();
  const size_t first = xml->find("<source network='flatvm-acme'");
  const size_t second = xml->find("<source network='flatvm-acme.storage'");
  ASSERT_NE(first, xml->npos) << *xml;
  ASSERT_NE(second, xml->npos) << *xml;
  EXPECT_LT(first, second);
  EXPECT_LT(second, xml->find("<target dev='fv525400d50102'")) << *xml;
  EXPECT_LT(xml->find("<mac address='52:54:00:d5:01:02'"), second);
}

TEST(DomainXml, PlugsANicIntoABridgeOfTheHosts) {
  DomainSpec spec = KernelSpec();
  spec.nics.push_back({.mac = "52:aa:bb:cc:dd:ee", .network = "", .bridge = "br0"});
  const auto xml = BuildDomainXml(spec, Virtualization::kKvm);
  ASSERT_TRUE(xml.ok()) << xml.status();
  EXPECT_NE(xml->find("<interface type='bridge'>"), xml->npos) << *xml;
  EXPECT_NE(xml->find("<source bridge='br0' />"), xml->npos) << *xml;
  for (const char* bridge : {"a b", "a/b", "..", "a-name-too-long-"}) {
    spec.nics[1].bridge = bridge;
    EXPECT_FALSE(BuildDomainXml(spec, Virtualization::kKvm).ok()) << bridge;
  }
  spec.nics[1] = {.mac = "52:aa:bb:cc:dd:ee", .network = "flatvm-acme", .bridge = "br0"};
  EXPECT_FALSE(BuildDomainXml(spec, Virtualization::kKvm).ok()) << "one of the two";
}

}  // namespace
}  // namespace flatvm::hypervisor
