#include "daemon/broker/validation.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/base/error.h"

namespace flatvm::broker {
namespace {

VmSpec Good() {
  return VmSpec{.name = "web", .image = "tiny", .memory_mib = 192, .vcpus = 1, .disk_mib = 0};
}

struct BadSpec {
  const char* what;
  void (*spoil)(VmSpec&);
  const char* field;
  base::Reason reason;
};

const std::vector<BadSpec>& BadSpecs() {
  using R = base::Reason;
  static const std::vector<BadSpec> kBad = {
      {"no name", [](VmSpec& s) { s.name = ""; }, "spec.name", R::kFieldMissing},
      {"upper case", [](VmSpec& s) { s.name = "Web"; }, "spec.name", R::kFieldMalformed},
      {"41 letters", [](VmSpec& s) { s.name = std::string(41, 'a'); }, "spec.name",
       R::kFieldMalformed},
      {"slash", [](VmSpec& s) { s.name = "../web"; }, "spec.name", R::kFieldMalformed},
      {"dash first", [](VmSpec& s) { s.name = "-web"; }, "spec.name", R::kFieldMalformed},
      {"dash last", [](VmSpec& s) { s.name = "web-"; }, "spec.name", R::kFieldMalformed},
      {"markup", [](VmSpec& s) { s.name = "a'/><b"; }, "spec.name", R::kFieldMalformed},
      {"NUL", [](VmSpec& s) { s.name = std::string("a\0b", 3); }, "spec.name", R::kFieldMalformed},
      {"newline", [](VmSpec& s) { s.name = "a\n"; }, "spec.name", R::kFieldMalformed},
      {"the primary's own", [](VmSpec& s) { s.name = "primary"; }, "spec.name", R::kFieldMalformed},
      {"no image", [](VmSpec& s) { s.image = ""; }, "spec.image", R::kFieldMissing},
      {"image path", [](VmSpec& s) { s.image = "/etc/passwd"; }, "spec.image", R::kFieldMalformed},
      {"no memory", [](VmSpec& s) { s.memory_mib = 0; }, "spec.memory_mib", R::kFieldMissing},
      {"31 MiB", [](VmSpec& s) { s.memory_mib = 31; }, "spec.memory_mib", R::kFieldOutOfRange},
      {"4 TiB and one", [](VmSpec& s) { s.memory_mib = 4194305; }, "spec.memory_mib",
       R::kFieldOutOfRange},
      {"no vcpus", [](VmSpec& s) { s.vcpus = 0; }, "spec.vcpus", R::kFieldMissing},
      {"513 vcpus", [](VmSpec& s) { s.vcpus = 513; }, "spec.vcpus", R::kFieldOutOfRange},
      {"64 TiB and one", [](VmSpec& s) { s.disk_mib = 67108865; }, "spec.disk_mib",
       R::kFieldOutOfRange},
  };
  return kBad;
}

TEST(Validation, AcceptsTheEndsOfEveryRange) {
  EXPECT_TRUE(ValidateVmSpec(Good()).ok());
  VmSpec least = Good();
  least.name = "a";
  least.memory_mib = 32;
  EXPECT_TRUE(ValidateVmSpec(least).ok());
  VmSpec most = Good();
  most.name = std::string(40, 'z');
  most.memory_mib = 4194304;
  most.vcpus = 512;
  most.disk_mib = 67108864;
  EXPECT_TRUE(ValidateVmSpec(most).ok());
}

TEST(Validation, NamesTheFieldOfABadSpec) {
  for (const BadSpec& bad : BadSpecs()) {
    VmSpec spec = Good();
    bad.spoil(spec);
    const absl::Status status = ValidateVmSpec(spec);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.what;
    EXPECT_EQ(base::GetErrorInfo(status).field, bad.field) << bad.what;
    EXPECT_EQ(base::GetErrorInfo(status).reason, bad.reason) << bad.what;
  }
}

TEST(Validation, NamesTheFieldOfBadLimits) {
  const Resources good{.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 0};
  EXPECT_TRUE(ValidateLimits(good).ok());
  const auto field = [](Resources limits) {
    return base::GetErrorInfo(ValidateLimits(limits)).field;
  };
  EXPECT_EQ(field({.memory_mib = 63, .vcpus = 4, .vms = 8}), "limits.memory_mib");
  EXPECT_EQ(field({.memory_mib = 4194305, .vcpus = 4, .vms = 8}), "limits.memory_mib");
  EXPECT_EQ(field({.memory_mib = 64, .vcpus = 0, .vms = 8}), "limits.vcpus");
  EXPECT_EQ(field({.memory_mib = 64, .vcpus = 4097, .vms = 8}), "limits.vcpus");
  EXPECT_EQ(field({.memory_mib = 64, .vcpus = 1, .vms = 0}), "limits.vms");
  EXPECT_EQ(field({.memory_mib = 64, .vcpus = 1, .vms = 4097}), "limits.vms");
}

TEST(Validation, TakesANameOrAnIdAsReference) {
  EXPECT_TRUE(ValidateVmReference("web").ok());
  EXPECT_TRUE(ValidateVmReference("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee").ok());
  for (const char* bad : {"", "Web", "a b", "../x", "a\x01"}) {
    EXPECT_EQ(base::GetErrorInfo(ValidateVmReference(bad)).field, "vm") << bad;
  }
}

TEST(Validation, TakesALibvirtDomainNameAsPrimary) {
  EXPECT_TRUE(ValidatePrimaryReference("acme_Primary.1").ok());
  for (const std::string& bad : {std::string(), std::string(129, 'a'), std::string("a/b"),
                                 std::string("a b"), std::string("a\n"), std::string("\xc3\xa9")}) {
    EXPECT_EQ(base::GetErrorInfo(ValidatePrimaryReference(bad)).field, "primary") << bad;
  }
}

TEST(Validation, TakesIoLimitsWithWhichSomethingCanBeDone) {
  EXPECT_TRUE(ValidateIo({}).ok());
  EXPECT_TRUE(ValidateIo({.read_bytes = 65536, .write_operations = 8}).ok());
  const std::vector<std::pair<cgroups::IoLimits, std::string>> bad = {
      {{.read_bytes = 0}, "io.read_bytes"},
      {{.write_bytes = 65535}, "io.write_bytes"},
      {{.read_operations = 7}, "io.read_operations"},
      // What the kernel counts in 32 bits would read back as no limit.
      {{.write_operations = 4'294'967'295}, "io.write_operations"}};
  for (const auto& [io, field] : bad) {
    EXPECT_EQ(base::GetErrorInfo(ValidateIo(io)).field, field);
  }
}

TEST(Validation, TakesAllCpusOfTheHostForNoRestriction) {
  const std::vector<uint32_t> host = {0, 1, 2, 3};
  EXPECT_EQ(*ValidateCpus({1, 3}, host), (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(*ValidateCpus({}, host), std::vector<uint32_t>{});
  EXPECT_EQ(*ValidateCpus(host, host), std::vector<uint32_t>{});
  EXPECT_EQ(base::GetErrorInfo(ValidateCpus({3, 4}, host).status()).field, "cpus");
  EXPECT_EQ(*ValidateCpus({7}, {}), std::vector<uint32_t>{7});
}

}  // namespace
}  // namespace flatvm::broker
