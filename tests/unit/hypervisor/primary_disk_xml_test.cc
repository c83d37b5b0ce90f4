#include "daemon/hypervisor/primary_disk_xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pugixml.hpp>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/hypervisor/disk_xml.h"
#include "tests/unit/hypervisor/golden.h"

namespace flatvm::hypervisor {
namespace {

using ::testing::HasSubstr;

constexpr char kPath[] = "/var/lib/flatvm/tenants/acme/volumes/v1.raw";

PrimaryDisk Volume() { return PrimaryDisk{.path = kPath, .serial = "vol-0123456789abcdef"}; }

std::string WithDisks(const std::string& disks, const std::string& attributes = "") {
  return "<domain" + attributes + "><devices>" + disks + "</devices></domain>";
}

DiskFacts Parse(const std::string& xml) {
  const auto facts = ParseDisks(xml);
  EXPECT_TRUE(facts.ok()) << facts.status();
  return facts.value_or(DiskFacts{});
}

TEST(PrimaryDiskXml, IsWhatWasReviewed) {
  EXPECT_EQ(BuildDiskXml(Volume(), "vdb").value_or(""),
            "<disk type='file' device='disk'>"
            "<driver name='qemu' type='raw' cache='none' discard='unmap'/>"
            "<source file='/var/lib/flatvm/tenants/acme/volumes/v1.raw'/>"
            "<backingStore/>"
            "<target dev='vdb' bus='virtio'/>"
            "<serial>vol-0123456789abcdef</serial>"
            "</disk>");
}

TEST(PrimaryDiskXml, EscapesText) {
  PrimaryDisk disk = Volume();
  disk.path = "/a'/><b>&amp;";
  const auto xml = BuildDiskXml(disk, "vda");
  ASSERT_TRUE(xml.ok()) << xml.status();
  EXPECT_EQ(Parse(WithDisks(*xml)).disks.at(0).path, disk.path);
}

TEST(PrimaryDiskXml, RefusesWhatMustNotReachLibvirt) {
  const std::vector<std::pair<const char*, PrimaryDisk>> cases = {
      {"disk.path", {.path = "", .serial = "v"}},
      {"disk.path", {.path = "v.raw", .serial = "v"}},
      {"disk.path", {.path = "/a/../b", .serial = "v"}},
      {"disk.path", {.path = "json:{}", .serial = "v"}},
      {"disk.path", {.path = "/a\nb", .serial = "v"}},
      {"disk.serial", {.path = kPath, .serial = ""}},
      {"disk.serial", {.path = kPath, .serial = "a b"}},
      {"disk.serial", {.path = kPath, .serial = std::string(21, 'a')}},
  };
  for (const auto& [field, disk] : cases) {
    const absl::Status status = BuildDiskXml(disk, "vda").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
}

TEST(PrimaryDiskXml, ReadsWhatIsThere) {
  const DiskFacts facts = Parse(WithDisks(
      "<disk type='file' device='disk'><source file='/a.raw' index='2'/><target dev='vda'/>"
      "<alias name='virtio-disk0'/></disk>"
      "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>"
      "<disk type='block' device='disk'><source dev='/dev/sdb'/><target dev='vdb'/></disk>",
      " id='3'"));
  EXPECT_TRUE(facts.running);
  ASSERT_EQ(facts.disks.size(), 3U);
  EXPECT_EQ(facts.disks[0].path, "/a.raw");
  EXPECT_EQ(facts.disks[0].target, "vda");
  EXPECT_EQ(facts.disks[0].alias, "virtio-disk0");
  EXPECT_EQ(facts.disks[1].path, "");
  EXPECT_EQ(facts.disks[1].target, "sda");
  EXPECT_EQ(facts.disks[2].path, "");
  EXPECT_EQ(facts.disks[2].alias, "");
  EXPECT_FALSE(Parse(WithDisks("")).running);
}

TEST(PrimaryDiskXml, GivesADiskBackAsItIsWritten) {
  const std::string xml = *BuildDiskXml(Volume(), "vdc");
  const DiskFacts facts = Parse(WithDisks("\n  " + xml));
  ASSERT_TRUE(FindDisk(facts, kPath).has_value());
  EXPECT_EQ(FindDisk(facts, kPath)->xml, xml);
  EXPECT_FALSE(FindDisk(facts, "/other").has_value());
}

TEST(PrimaryDiskXml, TakesTheFirstTargetThatNeitherHas) {
  const auto with = [](std::initializer_list<const char*> targets) {
    DiskFacts facts;
    for (const char* target : targets) facts.disks.push_back(FoundDisk{.target = target});
    return facts;
  };
  EXPECT_EQ(FreeTarget(with({}), with({})), "vda");
  EXPECT_EQ(FreeTarget(with({"vda", "sda"}), with({"vdc"})), "vdb");
  EXPECT_EQ(FreeTarget(with({"vda"}), with({"vdb"})), "vdc");
  DiskFacts full;
  for (size_t i = 0; i < 26 + 26; ++i) full.disks.push_back(FoundDisk{.target = DiskTarget(i)});
  EXPECT_EQ(full.disks[25].target, "vdz");
  EXPECT_EQ(full.disks[26].target, "vdaa");
  EXPECT_EQ(FreeTarget(full, with({})), "vdba");
}

// The primary of the golden file has four root ports: three are taken by a NIC each or the like,
// one is free in its definition, none while it runs.
TEST(PrimaryDiskXml, KnowsWhetherASlotIsFree) {
  EXPECT_TRUE(Parse(ReadGolden("primary_plain.xml")).has_slot);
  std::string live = ReadGolden("primary_live.xml");
  EXPECT_TRUE(Parse(live).has_slot);
  const std::string bus = "bus='0x05'";
  live.replace(live.find(bus), bus.size(), "bus='0x04'");
  EXPECT_FALSE(Parse(live).has_slot);
  const std::string machine = "pc-q35-7.2";
  live.replace(live.find(machine), machine.size(), "pc-i440fx-7.2");
  EXPECT_TRUE(Parse(live).has_slot) << "its slots are not ports";
}

TEST(PrimaryDiskXml, RefusesWhatIsNoDomain) {
  for (const char* xml : {"", "<domain", "<domain/>", "<network><devices/></network>"}) {
    EXPECT_EQ(ParseDisks(xml).status().code(), absl::StatusCode::kInternal) << xml;
  }
}

}  // namespace
}  // namespace flatvm::hypervisor
