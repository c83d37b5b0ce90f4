#include "daemon/hypervisor/balloon_facts.h"

#include <gtest/gtest.h>

#include <pugixml.hpp>
#include <string>
#include <vector>

#include "daemon/base/str_cat.h"
#include "tests/unit/hypervisor/golden.h"

namespace flatvm::hypervisor {
namespace {

constexpr char kBalloon[] = "<memballoon model='virtio'/>";

BalloonFacts Read(const std::string& xml) {
  pugi::xml_document document;
  EXPECT_TRUE(document.load_string(xml.c_str())) << xml;
  return ReadBalloonFacts(document.child("domain"));
}

std::string Domain(const std::string& devices, const std::string& rest = "") {
  return base::StrCat("<domain>", rest, "<devices>", devices, "</devices></domain>");
}

std::string LackWith(const std::string& device, const std::string& rest = "") {
  return Read(Domain(base::StrCat(device, kBalloon), rest)).lack;
}

TEST(BalloonFacts, FindsNoLackInAnOrdinaryDomain) {
  for (const char* golden : {"primary_plain.xml", "primary_rich.xml", "primary_live.xml"}) {
    const BalloonFacts facts = Read(ReadGolden(golden));
    EXPECT_TRUE(facts.present) << golden;
    EXPECT_EQ(facts.lack, "") << golden;
  }
}

TEST(BalloonFacts, KnowsADomainWithoutABalloon) {
  const std::vector<std::pair<std::string, bool>> cases = {
      {"<memballoon model='virtio'/>", true},
      {"<memballoon model='virtio-non-transitional'/>", true},
      {"<memballoon model='none'/>", false},
      {"<memballoon/>", false},
      {"", false},
  };
  for (const auto& [device, present] : cases) {
    const BalloonFacts facts = Read(Domain(device));
    EXPECT_EQ(facts.present, present) << device;
    EXPECT_EQ(facts.lack, present ? "" : "it has no memory balloon device") << device;
  }
}

TEST(BalloonFacts, SaysWhyMemoryCannotBeTaken) {
  struct Case {
    const char* device;
    const char* rest;
    const char* lack;
  };
  static constexpr char kPassthrough[] = "it has devices passed through";
  static constexpr char kUncounted[] = "it has memory that its balloon does not count";
  const std::vector<Case> cases = {
      {"", "<memoryBacking><hugepages/></memoryBacking>", "it uses huge pages"},
      {"", "<memoryBacking><hugepages><page size='1' unit='G'/></hugepages></memoryBacking>",
       "it uses huge pages"},
      {"", "<memoryBacking><nosharepages/><locked/></memoryBacking>", "its memory is locked"},
      {"<hostdev mode='subsystem' type='pci' managed='yes'/>", "", kPassthrough},
      {"<hostdev mode='subsystem' type='usb'/><hostdev mode='subsystem' type='mdev'/>", "",
       kPassthrough},
      {"<interface type='network'/><interface type='hostdev'/>", "", kPassthrough},
      {"<interface type='vdpa'/>", "", kPassthrough},
      {"<disk type='nvme' device='disk'/>", "", kPassthrough},
      {"<memory model='virtio-mem'/>", "", kUncounted},
      {"<memory model='dimm'/><memory model='nvdimm'/>", "", kUncounted},
      {"", "<launchSecurity type='sev'/>", "it is a confidential VM"},
  };
  for (const Case& tested : cases) {
    EXPECT_EQ(LackWith(tested.device, tested.rest), tested.lack) << tested.device << tested.rest;
  }
}

TEST(BalloonFacts, LetsPassWhatDoesNotMatter) {
  for (const char* device :
       {"<hostdev mode='subsystem' type='usb'/>", "<hostdev mode='subsystem' type='scsi'/>",
        "<interface type='bridge'/>", "<disk type='file'/>", "<memory model='dimm'/>"}) {
    EXPECT_EQ(LackWith(device), "") << device;
  }
  EXPECT_EQ(LackWith("",
                     "<memoryBacking><source type='memfd'/><access mode='shared'/>"
                     "</memoryBacking>"),
            "");
}

TEST(BalloonFacts, ReadsHowOftenTheDriverReports) {
  EXPECT_EQ(Read(Domain(kBalloon)).report_period_s, 0U);
  EXPECT_EQ(
      Read(Domain("<memballoon model='virtio'><stats period='10'/></memballoon>")).report_period_s,
      10U);
}

}  // namespace
}  // namespace flatvm::hypervisor
