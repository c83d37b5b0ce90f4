#include "daemon/config/parse_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/config/config_fields.h"

namespace flatvm::config {
namespace {

using base::GetErrorInfo;
using base::Reason;

Config Odd() {
  Config config;
  config.state_dir = "/srv/flatvm";
  config.catalog_dir = "/srv/images";
  config.libvirt_uri = "test:///default";
  config.vsock_port = 4'294'967'294;
  config.require_privileged_port = false;
  config.cid_first = 3;
  config.cid_last = 4'294'967'294;
  config.subnet_pool = "192.168.0.0/20";
  config.subnet_prefix_length = 29;
  config.uplink = "eth0.100";
  config.vmm_overhead_mib = 96;
  config.front_overhead_mib = 1024;
  config.create_timeout_ms = 1500;
  config.import_expiry_ms = 0;
  config.shutdown_timeout_ms = 120'000;
  config.front_program = "/opt/front";
  config.quota_program = "/opt/quota";
  config.import_program = "/opt/import";
  config.qemu_img_program = "/opt/qemu-img";
  return config;
}

TEST(ParseConfig, AnEmptyObjectMeansDefaults) {
  const auto config = ParseConfig("{}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(*config, Config{});
}

TEST(ParseConfig, ReadsEveryKey) {
  const auto config = ParseConfig(R"({
    "state_dir": "/srv/flatvm", "catalog_dir": "/srv/images", "libvirt_uri": "test:///default",
    "vsock": {"port": 4294967294, "require_privileged_port": false},
    "cids": {"first": 3, "last": 4294967294},
    "network": {"subnet_pool": "192.168.0.0/20", "subnet_prefix_length": 29, "uplink": "eth0.100"},
    "overhead": {"vmm": "96MiB", "front": "1GiB"},
    "timeouts": {"create": "1500ms", "import_expiry": "0s", "primary_shutdown": "2min"},
    "programs": {"front": "/opt/front", "quota": "/opt/quota", "import": "/opt/import",
                 "qemu_img": "/opt/qemu-img"}})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(*config, Odd());
}

TEST(ParseConfig, ReadsBackWhatDescribeConfigWrites) {
  for (const Config& config : {Config{}, Odd()}) {
    const auto again = ParseConfig(DescribeConfig(config));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, config);
  }
}

TEST(DescribeConfig, WritesEveryKeyInOrder) {
  const std::string text = DescribeConfig(Config{});
  size_t at = 0;
  for (const ConfigField& field : ConfigFields()) {
    at = text.find(base::StrCat("\"", field.key, "\": "), at);
    ASSERT_NE(at, std::string::npos) << field.Path();
  }
}

TEST(DescribeConfig, OfTheDefaultsIsTheShippedFile) {
  std::ifstream file(FLATVM_SOURCE_DIR "/daemon/etc/flatvmd.json");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), DescribeConfig(Config{}));
}

struct BadConfig {
  const char* text;
  const char* field;
  Reason reason;
  const char* message;
};

void ExpectRefused(const BadConfig& row) {
  const auto config = ParseConfig(row.text);
  ASSERT_FALSE(config.ok()) << row.text;
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << row.text;
  EXPECT_EQ(GetErrorInfo(config.status()).field, row.field) << row.text;
  EXPECT_EQ(GetErrorInfo(config.status()).reason, row.reason) << row.text;
  EXPECT_EQ(base::Message(config.status()), row.message) << row.text;
}

TEST(ParseConfig, RefusesWrongTypes) {
  constexpr Reason kBad = Reason::kFieldMalformed;
  const BadConfig kTable[] = {
      {"[]", "", kBad, "must be a JSON object, not array"},
      {"null", "", kBad, "must be a JSON object, not null"},
      {R"({"vsock": 710})", "vsock", kBad, "vsock: must be an object, not number"},
      {R"({"vsock": null})", "vsock", kBad, "vsock: must be an object, not null"},
      {R"({"vsock": {"port": "710"}})", "vsock.port", kBad,
       "vsock.port: must be a number, not string"},
      {R"({"vsock": {"port": 710.0}})", "vsock.port", kBad, "vsock.port: must be a whole number"},
      {R"({"vsock": {"port": true}})", "vsock.port", kBad,
       "vsock.port: must be a number, not boolean"},
      {R"({"vsock": {"require_privileged_port": 1}})", "vsock.require_privileged_port", kBad,
       "vsock.require_privileged_port: must be true or false, not number"},
      {R"({"state_dir": 1})", "state_dir", kBad, "state_dir: must be a string, not number"},
      {R"({"state_dir": null})", "state_dir", kBad, "state_dir: must be a string, not null"},
      {R"({"overhead": {"vmm": 64}})", "overhead.vmm", kBad,
       "overhead.vmm: must be a string with a unit such as \"64MiB\", not number"},
      {R"({"timeouts": {"create": 60}})", "timeouts.create", kBad,
       "timeouts.create: must be a string with a unit such as \"30s\", not number"},
  };
  for (const BadConfig& row : kTable) ExpectRefused(row);
}

TEST(ParseConfig, RefusesWhatIsOutOfRange) {
  constexpr Reason kRange = Reason::kFieldOutOfRange;
  const BadConfig kTable[] = {
      {R"({"vsock": {"port": 0}})", "vsock.port", kRange, "vsock.port: must be 1..4294967294"},
      {R"({"vsock": {"port": -1}})", "vsock.port", kRange, "vsock.port: must be 1..4294967294"},
      {R"({"vsock": {"port": 4294967295}})", "vsock.port", kRange,
       "vsock.port: must be 1..4294967294"},
      {R"({"vsock": {"port": 18446744073709551615}})", "vsock.port", kRange,
       "vsock.port: must be 1..4294967294"},
      {R"({"cids": {"first": 2}})", "cids.first", kRange, "cids.first: must be 3..4294967294"},
      {R"({"cids": {"first": 9, "last": 8}})", "cids.first", kRange,
       "cids.first: is 9, above cids.last, which is 8"},
      {R"({"network": {"subnet_prefix_length": 30}})", "network.subnet_prefix_length", kRange,
       "network.subnet_prefix_length: must be 8..29"},
      {R"({"network": {"subnet_pool": "10.0.0.0/25"}})", "network.subnet_prefix_length", kRange,
       "network.subnet_prefix_length: is 24: a tenant's subnet would be larger than "
       "network.subnet_pool, which is 10.0.0.0/25"},
      {R"({"overhead": {"vmm": "1TiB"}})", "overhead.vmm", kRange,
       "overhead.vmm: must be 0MiB..64GiB"},
      {R"({"timeouts": {"create": "0s"}})", "timeouts.create", kRange,
       "timeouts.create: must be 1s..60min"},
      {R"({"timeouts": {"create": "61min"}})", "timeouts.create", kRange,
       "timeouts.create: must be 1s..60min"},
  };
  for (const BadConfig& row : kTable) ExpectRefused(row);
}

TEST(ParseConfig, RefusesMalformedText) {
  for (const char* text : {R"({"overhead": {"vmm": "64MB"}})",
                           R"({"overhead": {"vmm": "64"}})",
                           R"({"timeouts": {"create": "60"}})",
                           R"({"timeouts": {"create": "1h"}})",
                           R"({"state_dir": ""})",
                           R"({"state_dir": "var/lib"})",
                           R"({"state_dir": "/a\n"})",
                           R"({"state_dir": "/\u00e9"})",
                           R"({"libvirt_uri": ""})",
                           R"({"network": {"uplink": ""}})",
                           R"({"network": {"uplink": "a/b"}})",
                           R"({"network": {"uplink": "eth0 "}})",
                           R"({"network": {"uplink": "sixteen-letters-"}})",
                           R"({"network": {"subnet_pool": "10.0.0.0"}})",
                           R"({"network": {"subnet_pool": "10.0.0.0/33"}})",
                           R"({"network": {"subnet_pool": "10.0.0.0/7"}})",
                           R"({"network": {"subnet_pool": "10.0.0.0/16x"}})",
                           R"({"network": {"subnet_pool": "fd00::/16"}})",
                           R"({"network": {"subnet_pool": "/16"}})",
                           R"({"programs": {"front": "flatvm-front"}})"}) {
    const auto config = ParseConfig(text);
    EXPECT_EQ(GetErrorInfo(config.status()).reason, Reason::kFieldMalformed) << text;
    EXPECT_FALSE(GetErrorInfo(config.status()).field.empty()) << text;
  }
}

TEST(ParseConfig, RefusesUnknownKeysAndSaysWhatWasMeant) {
  constexpr Reason kBad = Reason::kFieldMalformed;
  const BadConfig kTable[] = {
      {R"({"statedir": "/x"})", "statedir", kBad,
       "statedir: is not a known key; did you mean \"state_dir\"?"},
      {R"({"vsocks": {}})", "vsocks", kBad, "vsocks: is not a known key; did you mean \"vsock\"?"},
      {R"({"vsock": {"Port": 1}})", "vsock.Port", kBad,
       "vsock.Port: is not a known key; did you mean \"vsock.port\"?"},
      {R"({"port": 1})", "port", kBad, "port: is not a known key; did you mean \"vsock.port\"?"},
      {R"({"cids": {"uplink": 1}})", "cids.uplink", kBad,
       "cids.uplink: is not a known key; did you mean \"network.uplink\"?"},
      {R"({"elephants": 1})", "elephants", kBad, "elephants: is not a known key"},
      {R"({"": 1})", "", kBad, ": is not a known key"},
      {R"({"a\nb": 1})", "a\\x0ab", kBad, "a\\x0ab: is not a known key"},
  };
  for (const BadConfig& row : kTable) ExpectRefused(row);
}

TEST(ParseConfig, ReportsAllThatIsWrongAtOnce) {
  const auto config = ParseConfig(
      R"({"vsock": {"port": 0, "prt": 1}, "state_dir": 7, "timeouts": {"create": "x"}})");
  const std::string message(base::Message(config.status()));
  for (const char* part : {"vsock.port: must be", "vsock.prt: is not", "state_dir: must be",
                           "timeouts.create: must be"}) {
    EXPECT_THAT(message, testing::HasSubstr(part));
  }
}

TEST(ParseConfig, NamesDuplicateKeysAndBadSyntax) {
  EXPECT_EQ(base::Message(ParseConfig(R"({"cids": {"first": 5, "first": 6}})").status()),
            "cids.first: is there twice");
  EXPECT_THAT(std::string(base::Message(ParseConfig("{\n\"cids\": }").status())),
              testing::StartsWith("line 2, column 9: "));
}

class LoadConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "load_config_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { ASSERT_TRUE(base::RemoveTree(directory_).ok()); }

  std::string directory_;
};

TEST_F(LoadConfigTest, AMissingFileMeansDefaults) {
  const auto config = LoadConfig(directory_ + "/flatvmd.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(*config, Config{});
}

TEST_F(LoadConfigTest, NamesTheFileInItsErrors) {
  const std::string path = directory_ + "/flatvmd.json";
  ASSERT_TRUE(base::WriteFileDurably(path, R"({"vsock": {"port": 0}})").ok());
  const auto config = LoadConfig(path);
  EXPECT_EQ(base::Message(config.status()), path + ": vsock.port: must be 1..4294967294");
  EXPECT_EQ(GetErrorInfo(config.status()).field, "vsock.port");
}

TEST_F(LoadConfigTest, DoesNotTakeAnUnreadableFileForAMissingOne) {
  EXPECT_EQ(LoadConfig(directory_).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::config
