#include "network/network_spec.h"

#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/network_xml.h"
#include "tests/unit/network/acme_spec.h"

namespace flatvm::network {
namespace {

TEST(NetworkNames, FollowTenantAndSubnet) {
  EXPECT_EQ(NetworkName({"acme"}), "flatvm-acme");
  EXPECT_EQ(NetworkName({"acme", "default"}), "flatvm-acme");
  EXPECT_EQ(NetworkName({"acme", "storage"}), "flatvm-acme.storage");
  EXPECT_EQ(DnsDomain({"acme"}), "acme.internal");
  EXPECT_EQ(DnsDomain({"acme", "storage"}), "storage.acme.internal");
  EXPECT_EQ(BridgeName(*ParseIpv4Subnet("test", "10.213.4.0/24")), "fv-0ad50400");
  EXPECT_EQ(BridgeName(*ParseIpv4Subnet("test", "255.255.255.248/29")).size(), 11U);
}

TEST(NetworkSpec, IsCheckedFieldByField) {
  struct Case {
    const char* field;
    base::Reason reason;
    void (*spoil)(NetworkSpec&);
  };
  using base::Reason;
  const Case cases[] = {
      {"tenant", Reason::kFieldMissing, [](NetworkSpec& s) { s.tenant = ""; }},
      {"tenant", Reason::kFieldMalformed, [](NetworkSpec& s) { s.tenant = "a'/><x"; }},
      {"network", Reason::kFieldMissing, [](NetworkSpec& s) { s.network = ""; }},
      {"network", Reason::kFieldMalformed, [](NetworkSpec& s) { s.network = "a.b"; }},
      {"hostname", Reason::kFieldMalformed, [](NetworkSpec& s) { s.leases[1].hostname = "a,b"; }},
      {"hostname", Reason::kFieldMissing, [](NetworkSpec& s) { s.leases[1].hostname = ""; }},
      {"mac", Reason::kFieldMalformed, [](NetworkSpec& s) { s.leases[1].mac = ""; }},
      {"mac", Reason::kFieldMalformed,
       [](NetworkSpec& s) { s.leases[1].mac = "52:54:00:D5:04:03"; }},
      {"mac", Reason::kFieldMalformed,
       [](NetworkSpec& s) { s.leases[1].mac = "52-54-00-d5-04-03"; }},
      {"mac", Reason::kFieldMalformed,
       [](NetworkSpec& s) { s.leases[1].mac = "52:54:00:d5:04:0'"; }},
      {"address", Reason::kFieldOutOfRange, [](NetworkSpec& s) { s.leases[1].address = {0}; }},
      {"address", Reason::kFieldOutOfRange,
       [](NetworkSpec& s) { s.leases[1].address = s.subnet.Gateway(); }},
      {"address", Reason::kFieldOutOfRange,
       [](NetworkSpec& s) { s.leases[1].address = s.leases[0].address; }},
      {"leases", Reason::kFieldOutOfRange,
       [](NetworkSpec& s) { s.leases[1].hostname = s.leases[0].hostname; }},
      {"leases", Reason::kFieldOutOfRange,
       [](NetworkSpec& s) { s.leases[1].mac = s.leases[0].mac; }},
      {"forwards", Reason::kFieldOutOfRange,
       [](NetworkSpec& s) { s.forwards = {{.machine = "web", .port = 1}}; }},
      {"forwards", Reason::kFieldOutOfRange,
       [](NetworkSpec& s) { s.forwards = {{.host_port = 1, .machine = "web"}}; }},
      {"forwards", Reason::kFieldOutOfRange,
       [](NetworkSpec& s) {
         s.forwards = {{.host_port = 1, .machine = "web", .port = 1},
                       {.host_port = 1, .machine = "db", .port = 2}};
       }},
      {"forwards.machine", Reason::kFieldMalformed,
       [](NetworkSpec& s) { s.forwards = {{.host_port = 1, .machine = "a b", .port = 1}}; }},
      {"leases", Reason::kFieldMissing,
       [](NetworkSpec& s) {
         s.mode = NetworkMode::kViaPrimary;
         s.leases.erase(s.leases.begin());
       }},
  };
  ASSERT_TRUE(CheckNetworkSpec(Acme()).ok());
  for (size_t i = 0; i < std::size(cases); ++i) {
    NetworkSpec spec = Acme();
    cases[i].spoil(spec);
    const absl::Status status = CheckNetworkSpec(spec);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << i;
    EXPECT_EQ(base::GetErrorInfo(status).field, cases[i].field) << i;
    EXPECT_EQ(base::GetErrorInfo(status).reason, cases[i].reason) << i;
  }
}

}  // namespace
}  // namespace flatvm::network
