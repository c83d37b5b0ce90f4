#include "daemon/state/record_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/unit/state/sample_records.h"

namespace flatvm::state {
namespace {

using ::testing::HasSubstr;

TEST(RecordJson, BringsATenantBackAsItWas) {
  const broker::TenantRecord record = SampleTenant();
  const auto back = ParseTenant(FormatTenant(record));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(FormatTenant(*back), FormatTenant(record));
  EXPECT_EQ(back->io, record.io);
  EXPECT_EQ(back->cpus, record.cpus);
  EXPECT_EQ(back->carve, record.carve);
  EXPECT_EQ(back->undo.before_xml, record.undo.before_xml);
  EXPECT_EQ(back->undo.attachment.mac, record.mac);
  EXPECT_EQ(back->undo.attachment.hotplug_slots, 8U);
  EXPECT_EQ(back->subnet, record.subnet);
  EXPECT_EQ(back->prefix, record.prefix);
  EXPECT_EQ(back->network_mode, record.network_mode);
  EXPECT_EQ(back->forwards, record.forwards);
  EXPECT_EQ(back->ceilings, record.ceilings);
  EXPECT_EQ(back->networks, record.networks);
  EXPECT_EQ(back->created_at, record.created_at);
}

TEST(RecordJson, ReadsASecondaryThatHadOneNic) {
  auto vm = nlohmann::json::parse(FormatVm(SampleVm()));
  const auto same = ParseVm(vm.dump());
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->nics, SampleVm().nics);
  for (const char* spec : {"asked", "spec"}) vm[spec].erase("networks");
  vm.erase("nics");
  const auto old = ParseVm(vm.dump());
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_TRUE(old->nics.empty());
  EXPECT_TRUE(old->spec.networks.empty());
  vm["nics"] = {{{"network", "storage"}, {"mac", "52:54:00:d5:01:02"}, {"address", "10.213.1"}}};
  EXPECT_THAT(std::string(ParseVm(vm.dump()).status().message()), HasSubstr("address"));
  vm["nics"] = "none";
  EXPECT_THAT(std::string(ParseVm(vm.dump()).status().message()), HasSubstr("nics"));
}

TEST(RecordJson, ReadsASecondaryWithoutIpv6) {
  auto vm = nlohmann::json::parse(FormatVm(SampleVm()));
  vm["ipv6_address"] = "";
  ASSERT_TRUE(ParseVm(vm.dump()).ok());
  EXPECT_EQ(ParseVm(vm.dump())->ipv6_address, std::nullopt);
  vm["ipv6_address"] = "10.0.0.1";
  EXPECT_THAT(std::string(ParseVm(vm.dump()).status().message()), HasSubstr("ipv6_address"));
}

// What a primary of an earlier flatvmd was given.
TEST(RecordJson, ReadsATenantThatWasGivenNoHotplugSlots) {
  auto json = nlohmann::json::parse(FormatTenant(SampleTenant()));
  json["undo"].erase("hotplug_slots");
  const auto back = ParseTenant(json.dump());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->undo.attachment.hotplug_slots, 0U);

  json["undo"]["hotplug_slots"] = "8";
  const auto wrong = ParseTenant(json.dump());
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("undo.hotplug_slots"));
}

TEST(RecordJson, ReadsATenantWhoseNetworkHadNoModeYet) {
  auto json = nlohmann::json::parse(FormatTenant(SampleTenant()));
  json.erase("network_mode");
  json.erase("forwards");
  json.erase("ipv6_prefix");
  json.erase("net");
  json.erase("networks");
  const auto back = ParseTenant(json.dump());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->network_mode, network::NetworkMode::kNat);
  EXPECT_TRUE(back->forwards.empty());
  EXPECT_EQ(back->prefix, std::nullopt);
  EXPECT_EQ(back->ceilings, network::Ceilings{});
  EXPECT_TRUE(back->networks.empty());

  for (const auto& [key, value] : std::vector<std::pair<std::string, nlohmann::json>>{
           {"network_mode", "bridged"},
           {"network_mode", 1},
           {"forwards", "none"},
           {"ipv6_prefix", "fd12::/63"},
           {"net", "none"},
           {"net", {{"out_bytes", 1}}},
           {"net", {{"out_bytes", 0}, {"in_bytes", -1}, {"vm_out_bytes", 0}, {"vm_in_bytes", 0}}},
           {"networks", "storage"},
           {"networks", {{{"name", "storage"}}}},
           {"networks",
            {{{"name", "a/b"}, {"mode", "nat"}, {"subnet", "10.0.0.0/24"}, {"request_id", ""}}}},
           {"networks",
            {{{"name", "a"}, {"mode", "none"}, {"subnet", "10.0.0.0/24"}, {"request_id", ""}}}},
           {"networks",
            {{{"name", "a"}, {"mode", "nat"}, {"subnet", "10.0.0.1/24"}, {"request_id", ""}}}},
           {"forwards", {{{"protocol", "icmp"}, {"host_port", 1}, {"machine", "a"}, {"port", 1}}}},
           {"forwards",
            {{{"protocol", "tcp"}, {"host_port", 65536}, {"machine", "a"}, {"port", 1}}}}}) {
    nlohmann::json wrong = json;
    wrong[key] = value;
    const auto read = ParseTenant(wrong.dump());
    ASSERT_FALSE(read.ok()) << wrong;
  }
}

TEST(RecordJson, BringsASecondaryBackAsItWas) {
  const broker::VmRecord record = SampleVm();
  const auto back = ParseVm(FormatVm(record));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, record);
}

TEST(RecordJson, BringsEveryStateBack) {
  for (const auto state : {broker::VmState::kCreating, broker::VmState::kRunning,
                           broker::VmState::kStopped, broker::VmState::kDestroying}) {
    broker::VmRecord record = SampleVm();
    record.state = state;
    const auto back = ParseVm(FormatVm(record));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->state, state);
  }
}

TEST(RecordJson, ReadsASecondaryOfAFlatvmWithoutVolumes) {
  nlohmann::json old = nlohmann::json::parse(FormatVm(SampleVm()));
  for (const char* spec : {"asked", "spec"}) {
    ASSERT_EQ(old[spec].erase("volume"), 1U);
    ASSERT_EQ(old[spec].erase("data_volumes"), 1U);
    ASSERT_EQ(old[spec].erase("quota_path"), 1U);
  }
  ASSERT_EQ(old.erase("own_volume"), 1U);
  ASSERT_EQ(old.erase("return_disk"), 1U);
  broker::VmRecord expected = SampleVm();
  for (broker::VmSpec* spec : {&expected.asked, &expected.spec}) {
    spec->volume.clear();
    spec->data_volumes.clear();
    spec->quota_path.clear();
  }
  expected.own_volume.clear();
  expected.return_disk = false;
  const auto back = ParseVm(old.dump());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, expected);
}

// They may be missing, but not be anything.
TEST(RecordJson, NamesAVolumeOfASpecThatIsMistyped) {
  const auto whole = nlohmann::json::parse(FormatVm(SampleVm()));
  const std::vector<std::tuple<const char*, nlohmann::json, const char*>> cases = {
      {"volume", nullptr, "spec.volume: must be a string"},
      {"volume", 7, "spec.volume: must be a string"},
      {"data_volumes", nullptr, "spec.data_volumes: must be an array"},
      {"data_volumes", "data", "spec.data_volumes: must be an array"},
      {"data_volumes", nlohmann::json::object({{"a", "b"}}), "spec.data_volumes: must be an array"},
      {"data_volumes", {"data", 7}, "spec.data_volumes[1]: must be a string"}};
  for (const auto& [key, value, text] : cases) {
    nlohmann::json spoilt = whole;
    spoilt["spec"][key] = value;
    const auto back = ParseVm(spoilt.dump());
    ASSERT_FALSE(back.ok()) << key << value;
    EXPECT_THAT(std::string(back.status().message()), HasSubstr(text));
  }
}

// Every field taken out, and every field of another type, is an error that names it.
TEST(RecordJson, NamesTheFieldThatIsMissingOrMistyped) {
  const auto whole = nlohmann::json::parse(FormatVm(SampleVm()));
  for (const auto& [key, value] : whole.items()) {
    nlohmann::json without = whole;
    without.erase(key);
    const auto missing = ParseVm(without.dump());
    // These an older flatvm did not write.
    const bool optional = key == "own_volume" || key == "return_disk" || key == "image_id" ||
                          key == "ipv6_address" || key == "nics";
    ASSERT_EQ(missing.ok(), optional) << key;
    if (!optional) {
      EXPECT_THAT(std::string(missing.status().message()), HasSubstr(key));
    }

    nlohmann::json mistyped = whole;
    mistyped[key] = nullptr;
    const auto wrong = ParseVm(mistyped.dump());
    ASSERT_FALSE(wrong.ok()) << key;
    EXPECT_THAT(std::string(wrong.status().message()), HasSubstr(key));
  }
}

TEST(RecordJson, RefusesWhatIsNoRecord) {
  const std::vector<std::string> bad = {"",
                                        "{",
                                        "[]",
                                        "null",
                                        "7",
                                        "\"text\"",
                                        std::string(200, '['),
                                        "{\"version\":1}",
                                        "\xff\xfe",
                                        "{\"version\":2}"};
  for (const std::string& text : bad) {
    EXPECT_FALSE(ParseTenant(text).ok()) << text;
    EXPECT_FALSE(ParseVm(text).ok()) << text;
    EXPECT_FALSE(ParseNextCid(text).ok()) << text;
  }
}

TEST(RecordJson, RefusesNumbersThatDoNotFit) {
  for (const char* number : {"-1", "4294967296", "1.5", "1e3", "99999999999999999999"}) {
    std::string text = FormatVm(SampleVm());
    const std::string key = "\"cid\": ";
    const size_t at = text.find(key) + key.size();
    text.replace(at, text.find(',', at) - at, number);
    const auto vm = ParseVm(text);
    ASSERT_FALSE(vm.ok()) << number;
    EXPECT_THAT(std::string(vm.status().message()), HasSubstr("cid")) << number;
  }
}

TEST(RecordJson, RefusesARecordOfALaterVersion) {
  std::string text = FormatVm(SampleVm());
  text.replace(text.find("\"version\": 1"), 12, "\"version\": 2");
  const auto vm = ParseVm(text);
  ASSERT_FALSE(vm.ok());
  EXPECT_THAT(std::string(vm.status().message()),
              HasSubstr("version: is 2, but this flatvmd reads 1"));
}

TEST(RecordJson, BringsTheNextCidBack) {
  const auto next = ParseNextCid(FormatNextCid(1234));
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(*next, 1234U);
}

}  // namespace
}  // namespace flatvm::state
