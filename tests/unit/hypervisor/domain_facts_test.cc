#include "daemon/hypervisor/domain_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "daemon/base/str_cat.h"
#include "tests/unit/hypervisor/golden.h"

namespace flatvm::hypervisor {
namespace {

using ::testing::ElementsAre;

constexpr char kUuid[] = "11111111-2222-4333-8444-555555555555";

std::string Domain(const std::string& memory, const std::string& rest = "") {
  return base::StrCat("<domain><name>d</name><uuid>", kUuid, "</uuid>", memory, "<vcpu>1</vcpu>",
                      rest, "</domain>");
}

TEST(DomainFacts, ReadsWhatLibvirtWritesOfARunningDomain) {
  const auto facts = ParseDomainXml(ReadGolden("primary_live.xml"));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->name, "acme-primary");
  EXPECT_EQ(facts->id, 7);
  EXPECT_EQ(facts->DomainId(), 7U);
  EXPECT_EQ(facts->memory_mib, 512U);
  EXPECT_EQ(facts->vcpus, 4U);
  EXPECT_EQ(facts->cid.value, 3U);
  EXPECT_EQ(facts->partition, "/machine");
  EXPECT_THAT(facts->macs, ElementsAre("52:54:00:11:22:33", "52:54:00:44:55:66"));
  EXPECT_TRUE(facts->balloon.present);
  EXPECT_EQ(facts->balloon.lack, "");
  EXPECT_FALSE(facts->IsSecondary());
}

TEST(DomainFacts, KnowsADomainThatDoesNotRun) {
  const auto facts = ParseDomainXml(Domain("<memory unit='KiB'>1024</memory>"));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->id, kNotRunning);
  EXPECT_EQ(facts->DomainId(), 0U);
  EXPECT_EQ(facts->cid.value, 0U);
}

TEST(DomainFacts, CountsMemoryInEveryUnit) {
  const std::vector<std::pair<std::string, uint32_t>> cases = {
      {"<memory>524288</memory>", 512},
      {"<memory unit='KiB'>524288</memory>", 512},
      {"<memory unit='KiB'>524289</memory>", 513},
      {"<memory unit='MiB'>512</memory>", 512},
      {"<memory unit='G'>2</memory>", 2048},
      {"<memory unit='b'>1</memory>", 1},
      {"<memory unit='GB'>1</memory>", 954},
  };
  for (const auto& [memory, mib] : cases) {
    const auto facts = ParseDomainXml(Domain(memory));
    ASSERT_TRUE(facts.ok()) << memory;
    EXPECT_EQ(facts->memory_mib, mib) << memory;
  }
}

TEST(DomainFacts, RefusesWhatIsNoDomain) {
  for (const std::string& xml : {
           std::string(),
           std::string("<domain"),
           std::string("<network><name>n</name></network>"),
           Domain(""),
           Domain("<memory unit='parsec'>1</memory>"),
           Domain("<memory unit='TiB'>99999999999999</memory>"),
           std::string("<domain><name>d</name><uuid>x</uuid><memory>1024</memory><vcpu>1</vcpu>"
                       "</domain>"),
       }) {
    EXPECT_EQ(ParseDomainXml(xml).status().code(), absl::StatusCode::kInternal) << xml;
  }
}

// Metadata decides what flatvm may destroy.
TEST(DomainFacts, TakesOnlyItsOwnMetadata) {
  const std::string memory = "<memory>1024</memory>";
  const std::string uri = "https://flatvm.dev/xmlns/libvirt/1";
  const auto is_secondary = [&](const std::string& metadata) {
    const auto facts = ParseDomainXml(Domain(memory, "<metadata>" + metadata + "</metadata>"));
    return facts.ok() && facts->IsSecondary();
  };
  const std::string attributes = base::StrCat(" tenant='acme' id='", kUuid, "'/>");
  EXPECT_TRUE(is_secondary("<flatvm:secondary xmlns:flatvm='" + uri + "'" + attributes));
  EXPECT_TRUE(is_secondary("<o:x xmlns:o='urn:other'/><f:y xmlns:f='" + uri + "'" + attributes));
  EXPECT_TRUE(is_secondary("<secondary xmlns='" + uri + "'" + attributes));
  EXPECT_FALSE(is_secondary("<flatvm:secondary xmlns:flatvm='urn:other'" + attributes));
  EXPECT_FALSE(is_secondary("<flatvm:secondary" + attributes));
  EXPECT_FALSE(is_secondary("<f:x xmlns:f='" + uri + "' tenant='acme'/>"));
  EXPECT_FALSE(is_secondary("<f:x xmlns:f='" + uri + "' tenant='A B' id='" + kUuid + "'/>"));
}

}  // namespace
}  // namespace flatvm::hypervisor
