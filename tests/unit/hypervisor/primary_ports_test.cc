// The root ports of primary_xml.h and root_ports.h.
#include <gtest/gtest.h>

#include <pugixml.hpp>
#include <set>
#include <sstream>
#include <string>

#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/primary_xml.h"
#include "daemon/hypervisor/root_ports.h"
#include "tests/unit/hypervisor/golden.h"

namespace flatvm::hypervisor {
namespace {

PrimaryAttachment Attachment(uint32_t hotplug_slots = 8) {
  return PrimaryAttachment{.tenant = "acme",
                           .cid = base::VsockCid{1000},
                           .partition = "/flatvm/acme",
                           .network = "flatvm-acme",
                           .mac = "52:54:00:d5:00:02",
                           .hotplug_slots = hotplug_slots};
}

// Has root ports 1 to 4, of which the last is free; neither vsock nor the tenant's NIC.
std::string Plain() { return ReadGolden("primary_plain.xml"); }

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string Attach(const std::string& xml, uint32_t hotplug_slots = 8) {
  const auto attached = BuildAttachedXml(xml, Attachment(hotplug_slots));
  EXPECT_TRUE(attached.ok()) << attached.status();
  return attached.value_or("");
}

std::string Detach(const std::string& xml, const std::string& before) {
  const auto detached = BuildDetachedXml(xml, before, Attachment());
  EXPECT_TRUE(detached.ok()) << detached.status();
  return detached.value_or("");
}

struct Ports {
  explicit Ports(const std::string& xml) {
    EXPECT_TRUE(document.load_string(xml.c_str(), pugi::parse_full | pugi::parse_ws_pcdata));
    domain = document.child("domain");
    for (const pugi::xml_node& controller : domain.child("devices").children("controller")) {
      if (std::string_view(controller.attribute("model").value()) != "pcie-root-port") continue;
      ++count;
      indices.insert(controller.attribute("index").as_uint());
    }
    free = CountFreeRootPorts(domain);
  }

  pugi::xml_document document;
  pugi::xml_node domain;
  uint32_t count = 0;
  uint32_t free = 0;
  std::set<uint32_t> indices;
};

void PlugIn(pugi::xml_node device, uint32_t bus) {
  pugi::xml_node address = device.append_child("address");
  address.append_attribute("type").set_value("pci");
  address.append_attribute("bus").set_value(
      base::StrCat("0x", absl::Hex(bus, absl::kZeroPad2)).c_str());
}

// `xml` as libvirt would leave it: every port has an index, every NIC and vsock the lowest port
// that is free.
std::string Define(const std::string& xml) {
  Ports ports(xml);
  uint32_t next_index = *ports.indices.rbegin() + 1;
  const pugi::xml_node devices = ports.domain.child("devices");
  std::set<uint32_t> taken;
  for (pugi::xml_node device : devices) {
    if (std::string_view(device.attribute("model").value()) == "pcie-root-port" &&
        !device.attribute("index")) {
      device.append_attribute("index").set_value(next_index++);
    }
    taken.insert(device.child("address").attribute("bus").as_uint());
  }
  for (pugi::xml_node device : devices) {
    const std::string_view name = device.name();
    if ((name != "interface" && name != "vsock") || device.child("address")) continue;
    uint32_t bus = 1;
    while (taken.contains(bus)) ++bus;
    taken.insert(bus);
    PlugIn(device, bus);
  }
  std::ostringstream text;
  ports.document.save(text, "", pugi::format_raw | pugi::format_no_declaration);
  return text.str();
}

// An operator's disk in that port.
std::string WithDisk(const std::string& xml, uint32_t bus) {
  return Replace(xml, "</devices>",
                 base::StrCat("<disk><address type='pci' bus='0x", absl::Hex(bus, absl::kZeroPad2),
                              "'/></disk></devices>"));
}

TEST(PrimaryPorts, AreAsManyFreeOnesAsAskedFor) {
  EXPECT_EQ(Ports(Plain()).count, 4U);
  EXPECT_EQ(Ports(Plain()).free, 1U);
  for (const uint32_t slots : {1U, 8U, 32U}) {
    const Ports defined(Define(Attach(Plain(), slots)));
    EXPECT_EQ(defined.free, slots);
    EXPECT_EQ(defined.count, 3 + 2 + slots) << "its own devices, the tenant's two, the free ones";
  }
}

TEST(PrimaryPorts, AreNotAddedTwice) {
  const std::string attached = Attach(Plain());
  EXPECT_EQ(Attach(attached), attached);
  const std::string defined = Define(attached);
  EXPECT_EQ(Attach(defined), defined);
  const std::string fuller = WithDisk(defined, 13);
  EXPECT_EQ(Ports(Attach(fuller)).count, Ports(fuller).count + 1) << "what is missing";
}

TEST(PrimaryPorts, AreNotAddedWhereThereAreEnough) {
  const std::string roomy = Define(Replace(Attach(Plain(), 32), "flatvm-acme", "default"));
  const std::string attached = *BuildAttachedXml(roomy, [] {
    PrimaryAttachment other = Attachment();
    other.mac = "52:54:00:d5:00:99";
    return other;
  }());
  EXPECT_EQ(Ports(attached).count, Ports(roomy).count);
}

TEST(PrimaryPorts, CountOnlyIfTheyTakeADeviceWhileItRuns) {
  const std::string fixed = Replace(Plain(), "<target chassis='4' port='0xb'/>",
                                    "<target chassis='4' port='0xb' hotplug='off'/>");
  EXPECT_EQ(Ports(fixed).free, 0U);
}

TEST(PrimaryPorts, AreAQ35MachinesOnly) {
  for (const char* machine : {"pc-i440fx-7.2", "pc", "virt-7.2", ""}) {
    const std::string other = Replace(Plain(), "pc-q35-7.2", machine);
    EXPECT_EQ(Ports(Attach(other)).count, Ports(other).count) << machine;
  }
  EXPECT_GT(Ports(Attach(Replace(Plain(), "pc-q35-7.2", "q35"))).count, 4U);
  EXPECT_EQ(Ports(Attach(Plain(), 0)).count, 4U);
}

TEST(PrimaryPorts, GoAgain) {
  EXPECT_EQ(Detach(Attach(Plain()), Plain()), Plain());
  const std::string defined = Define(Attach(Plain()));
  const std::string detached = Detach(defined, Plain());
  EXPECT_EQ(Ports(detached).indices, Ports(Plain()).indices);
  EXPECT_EQ(Detach(detached, Plain()), detached);

  const PrimaryUndo undo{.before_xml = Plain(), .after_xml = defined, .attachment = Attachment()};
  EXPECT_EQ(BuildRestoredXml(defined, undo).value_or(""), Plain()) << "nobody edited it";
}

TEST(PrimaryPorts, StayWhereADeviceIsBehindThem) {
  const std::string defined = Define(Attach(Plain()));
  ASSERT_EQ(Ports(defined).indices.size(), 13U);
  const Ports low(Detach(WithDisk(defined, 6), Plain()));
  EXPECT_EQ(low.indices, (std::set<uint32_t>{1, 2, 3, 4, 5, 6})) << "and those before it";
  EXPECT_EQ(Ports(Detach(WithDisk(defined, 13), Plain())).count, 13U);
}

TEST(PrimaryPorts, StayIfTheyAreSomebodyElses) {
  const std::string defined = Define(Attach(Plain()));
  std::string ports;
  for (int i = 0; i < 3; ++i) ports += "<controller type='pci' model='pcie-root-port'/>";
  const std::string edited = Define(Replace(defined, "</devices>", ports + "</devices>"));
  const std::string detached = Detach(edited, Plain());
  EXPECT_EQ(Ports(detached).count, 4U + 3U);
  EXPECT_EQ(Ports(Detach(detached, Plain())).count, 4U + 3U) << "of one that is not attached";
}

TEST(PrimaryPorts, AreFewEnoughForAMachine) {
  EXPECT_EQ(BuildAttachedXml(Plain(), Attachment(33)).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::hypervisor
