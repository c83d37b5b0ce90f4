#include "daemon/hypervisor/primary_xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pugixml.hpp>
#include <vector>

#include "daemon/base/error.h"
#include "tests/unit/hypervisor/golden.h"

namespace flatvm::hypervisor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PrimaryAttachment Attachment() {
  return PrimaryAttachment{.tenant = "acme",
                           .cid = base::VsockCid{1000},
                           .partition = "/flatvm/acme",
                           .network = "flatvm-acme",
                           .mac = "52:54:00:d5:00:02"};
}

std::string Plain() { return ReadGolden("primary_plain.xml"); }
std::string Rich() { return ReadGolden("primary_rich.xml"); }

std::string Attach(const std::string& xml) {
  const auto attached = BuildAttachedXml(xml, Attachment());
  EXPECT_TRUE(attached.ok()) << attached.status();
  return attached.value_or("");
}

std::string Detach(const std::string& xml, const std::string& before) {
  const auto detached = BuildDetachedXml(xml, before, Attachment());
  EXPECT_TRUE(detached.ok()) << detached.status();
  return detached.value_or("");
}

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(PrimaryXml, IsWhatWasReviewed) {
  EXPECT_EQ(Attach(Plain()), ReadGolden("primary_plain_attached.xml"));
  EXPECT_EQ(Attach(Rich()), ReadGolden("primary_rich_attached.xml"));
}

TEST(PrimaryXml, AddsNothingTwice) {
  for (const std::string& xml : {Plain(), Rich()}) {
    const std::string once = Attach(xml);
    EXPECT_NE(once, xml);
    EXPECT_EQ(Attach(once), once);
  }
}

TEST(PrimaryXml, ReplacesTheOperatorsVsockInItsPlace) {
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(Attach(Rich()).c_str()));
  const pugi::xml_node devices = document.child("domain").child("devices");
  const pugi::xml_node vsock = devices.child("vsock");
  EXPECT_STREQ(vsock.child("cid").attribute("auto").value(), "no");
  EXPECT_STREQ(vsock.child("cid").attribute("address").value(), "1000");
  EXPECT_STREQ(vsock.child("address").attribute("slot").value(), "0x07");
  EXPECT_FALSE(vsock.next_sibling("vsock"));
}

TEST(PrimaryXml, UndoesWhatItDid) {
  EXPECT_EQ(Detach(Attach(Plain()), Plain()), Plain());
  EXPECT_EQ(Detach(Attach(Rich()), Rich()), Rich());
  EXPECT_EQ(Detach(Plain(), Plain()), Plain());
}

TEST(PrimaryXml, KeepsWhatOthersEditedInBetween) {
  std::string edited = Attach(Rich());
  edited = Replace(edited, "<memory unit='KiB'>524288</memory>",
                   "<memory unit='KiB'>1048576</memory><!-- grown -->");
  const std::string expected = Replace(Rich(), "<memory unit='KiB'>524288</memory>",
                                       "<memory unit='KiB'>1048576</memory><!-- grown -->");
  EXPECT_EQ(Detach(edited, Rich()), expected);
}

TEST(PrimaryXml, LeavesAPartThatOthersHaveReplaced) {
  std::string edited = Attach(Rich());
  edited = Replace(edited, "address='1000'", "address='77'");
  edited = Replace(edited, "/flatvm/acme", "/machine/theirs");
  edited = Replace(edited, "network='flatvm-acme'", "network='default'");
  const std::string detached = Detach(edited, Rich());
  EXPECT_EQ(detached, edited);
}

TEST(PrimaryXml, FindsItsNicWhateverTheCaseOfItsMac) {
  const std::string edited = Replace(Attach(Plain()), "52:54:00:d5:00:02", "52:54:00:D5:00:02");
  EXPECT_EQ(Attach(edited), edited);
  EXPECT_EQ(Detach(edited, Plain()), Plain());
}

TEST(PrimaryXml, KeepsANicThatTheOperatorHadBefore) {
  const std::string nic =
      "<interface type='network'><mac address='52:54:00:d5:00:02'/>"
      "<source network='flatvm-acme'/></interface>";
  const std::string before = Replace(Plain(), "<devices>", "<devices>" + nic);
  EXPECT_EQ(Detach(Attach(before), before), before);
}

TEST(PrimaryXml, RefusesAForeignNicWithTheSameMac) {
  const std::string nic =
      "<interface type='bridge'><mac address='52:54:00:d5:00:02'/><source bridge='br0'/>"
      "</interface>";
  const auto attached =
      BuildAttachedXml(Replace(Plain(), "<devices>", "<devices>" + nic), Attachment());
  EXPECT_EQ(attached.status().code(), absl::StatusCode::kInternal);
}

TEST(PrimaryXml, RestoresByteForByteIfNobodyTouchedIt) {
  // As libvirt left it: with addresses and a controller that it added for the new devices.
  const std::string after = Replace(Attach(Rich()), "</devices>",
                                    "<controller type='pci' index='9' model='pcie-root-port'/>"
                                    "</devices>");
  PrimaryUndo undo{
      .uuid = "", .before_xml = Rich(), .after_xml = after, .attachment = Attachment()};
  EXPECT_EQ(BuildRestoredXml(after, undo).value_or(""), Rich());
  EXPECT_EQ(BuildRestoredXml(Rich(), undo).value_or(""), Rich());

  // Known only as intent: flatvmd died before it could write down what it had defined.
  undo.after_xml.clear();
  const auto piecewise = BuildRestoredXml(after, undo);
  ASSERT_TRUE(piecewise.ok());
  EXPECT_THAT(*piecewise, Not(HasSubstr("flatvm-acme")));
  EXPECT_THAT(*piecewise, Not(HasSubstr("1000")));
}

TEST(PrimaryXml, RefusesBadInput) {
  using Spoil = void (*)(PrimaryAttachment&);
  const std::vector<std::pair<const char*, Spoil>> cases = {
      {"tenant", [](PrimaryAttachment& a) { a.tenant = "A"; }},
      {"cid", [](PrimaryAttachment& a) { a.cid.value = 0; }},
      {"partition", [](PrimaryAttachment& a) { a.partition = ""; }},
      {"network", [](PrimaryAttachment& a) { a.network = "'/><x/>"; }},
      {"mac", [](PrimaryAttachment& a) { a.mac = ""; }},
  };
  for (const auto& [field, spoil] : cases) {
    PrimaryAttachment attachment = Attachment();
    spoil(attachment);
    for (const absl::Status& status : {BuildAttachedXml(Plain(), attachment).status(),
                                       BuildDetachedXml(Plain(), Plain(), attachment).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << field;
      EXPECT_NE(status.message().find(field), absl::string_view::npos) << field;
    }
  }
  for (const char* xml : {"", "<domain", "<network/>", "<domain/>"}) {
    EXPECT_EQ(BuildAttachedXml(xml, Attachment()).status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(BuildDetachedXml(Plain(), xml, Attachment()).status().code(),
              absl::StatusCode::kInternal);
  }
}

// libvirt sorts controllers before other devices of their kind when the domain starts.
TEST(PrimaryXml, TakesADefinitionForTheSameWhateverTheOrderOfItsDevices) {
  const std::string a = "<domain><name>x</name><devices><a i='1'/>\n <b/></devices></domain>";
  EXPECT_TRUE(
      SameDefinition(a, "<domain><name>x</name><devices><b/><a i='1'/></devices></domain>"));
  EXPECT_FALSE(
      SameDefinition(a, "<domain><name>y</name><devices><b/><a i='1'/></devices></domain>"));
  EXPECT_FALSE(
      SameDefinition(a, "<domain><name>x</name><devices><b/><a i='2'/></devices></domain>"));
  EXPECT_FALSE(SameDefinition(a, "<domain><name>x</name><devices><b/></devices></domain>"));
  EXPECT_FALSE(SameDefinition(
      a, "<domain type='qemu'><name>x</name><devices><a i='1'/><b/></devices></domain>"));
  EXPECT_FALSE(SameDefinition("no xml", "nor this"));
}

}  // namespace
}  // namespace flatvm::hypervisor
