// `flatvmctl tenant set` from its words to its exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/names.h"
#include "nlohmann/json.hpp"
#include "tests/unit/ctl/run_ctl_fixture.h"
#include "tests/unit/ctl/samples.h"

namespace flatvm::ctl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class TenantSetTest : public RunCtlTest {
 protected:
  TenantSetTest() {
    admin().update_tenant = [this](const auto& request, auto* response) {
      updates_.push_back(request);
      *response->mutable_tenant() = SampleTenant();
      *response->mutable_excess() = excess_;
      return grpc::Status::OK;
    };
    admin().show_tenant = [this](const auto& request, auto* response) {
      EXPECT_EQ(request.name(), "acme");
      ++shows_;
      *response->mutable_tenant() = SampleTenant();
      return grpc::Status::OK;
    };
  }

  void AddExcess(const char* limit, uint64_t limit_value, uint64_t used) {
    v1::Excess* excess = excess_.Add();
    excess->set_limit(limit);
    excess->set_limit_value(limit_value);
    excess->set_used(used);
  }

  static nlohmann::json JsonIn(const std::string& text) {
    return nlohmann::json::parse(text, nullptr, false);
  }

  google::protobuf::RepeatedPtrField<v1::Excess> excess_;
  std::vector<v1::UpdateTenantRequest> updates_;
  int shows_ = 0;
};

TEST_F(TenantSetTest, SendsTheChangeAndShowsTheLimits) {
  EXPECT_EQ(Run("tenant set acme --memory 4GiB"), 0);
  ASSERT_EQ(updates_.size(), 1U);
  EXPECT_TRUE(base::IsUuid(updates_[0].request_id()));
  EXPECT_EQ(updates_[0].limits().memory_mib(), 4096U);
  EXPECT_FALSE(updates_[0].has_io());
  EXPECT_EQ(shows_, 0);
  EXPECT_THAT(out(), StartsWith("tenant acme has these limits now:\nAMOUNT  LIMIT"));
  EXPECT_THAT(err(), IsEmpty());
}

TEST_F(TenantSetTest, AsksForWhatOnlyGoesTogether) {
  EXPECT_EQ(Run("tenant set acme --write-iops 500 --primary-min-memory 1GiB"), 0);
  EXPECT_EQ(shows_, 1);
  ASSERT_EQ(updates_.size(), 1U);
  EXPECT_EQ(updates_[0].io().read_bytes(), uint64_t{200} << 20U);
  EXPECT_EQ(updates_[0].io().read_operations(), 1000U);
  EXPECT_EQ(updates_[0].io().write_operations(), 500U);
  EXPECT_EQ(updates_[0].carve().mode(), v1::CARVE_BALLOON);
  EXPECT_EQ(updates_[0].carve().primary_min_memory_mib(), 1024U);
}

TEST_F(TenantSetTest, StopsWhereTheTenantCannotBeAskedFor) {
  admin().show_tenant = [](const auto&, auto*) {
    return ReasonAnswer(grpc::StatusCode::NOT_FOUND, v1::TENANT_NOT_FOUND);
  };
  EXPECT_EQ(Run("tenant set acme --write-iops 500"), 3);
  EXPECT_THAT(updates_, IsEmpty());
}

TEST_F(TenantSetTest, RefusesAMinimumThatTheTenantHasNoUseFor) {
  admin().show_tenant = [](const auto&, auto*) { return grpc::Status::OK; };
  EXPECT_EQ(Run("tenant set acme --primary-min-memory 1GiB --json"), 2);
  EXPECT_EQ(JsonIn(err()).value("/error/field"_json_pointer, ""), "--primary-min-memory");
  EXPECT_THAT(updates_, IsEmpty());
}

TEST_F(TenantSetTest, APreviewOfWhatFitsEndsWithZero) {
  EXPECT_EQ(Run("tenant set acme --memory 4GiB --validate-only"), 0);
  EXPECT_TRUE(updates_.at(0).validate_only());
  EXPECT_THAT(out(), StartsWith("tenant acme would have these limits:\n"));
  EXPECT_THAT(err(), IsEmpty());
}

TEST_F(TenantSetTest, APreviewOfWhatWouldBeRefusedEndsAsTheRefusal) {
  AddExcess("memory_mib", 2048, 3072);
  AddExcess("vms", 2, 3);
  EXPECT_EQ(Run("tenant set acme --memory 2GiB --vms 2 --validate-only"), 5);
  EXPECT_THAT(out(), HasSubstr("without --force this is refused:\n"
                               "  memory_mib: 2048, but 3072 are in use\n"
                               "  vms: 2, but 3 are in use\n"));
  EXPECT_EQ(err(),
            "flatvmctl: less than is in use: memory_mib 2048 (3072 in use), vms 2 (3 in use); "
            "destroy secondaries first, or add --force "
            "(FAILED_PRECONDITION/TENANT_LIMITS_IN_USE)\n");

  EXPECT_EQ(Run("tenant set acme --memory 2GiB --vms 2 --validate-only --json"), 5);
  EXPECT_EQ(JsonIn(out()).value("excess", nlohmann::json()).size(), 2U);
  const nlohmann::json error = JsonIn(err()).value("error", nlohmann::json::object());
  EXPECT_EQ(error.value("reason", ""), "TENANT_LIMITS_IN_USE");
  EXPECT_EQ(error.value("field", ""), "limits.memory_mib");
  EXPECT_EQ(error.value("limit", ""), "memory_mib");
  EXPECT_EQ(error.value("limit_value", 0), 2048);
  EXPECT_EQ(error.value("used", 0), 3072);
}

TEST_F(TenantSetTest, ForceEndsWithZeroAndSaysWhatItMeans) {
  AddExcess("memory_mib", 2048, 3072);
  for (const char* flags : {"--force", "--force --validate-only"}) {
    EXPECT_EQ(Run(std::string("tenant set acme --memory 2GiB ") + flags), 0) << flags;
    EXPECT_TRUE(updates_.back().force());
    EXPECT_THAT(out(), HasSubstr("the kernel may kill VMs of the tenant:\n"
                                 "  memory_mib: 2048, but 3072 are in use\n"));
    EXPECT_THAT(err(), IsEmpty());
  }
}

TEST_F(TenantSetTest, ARefusalIsTheDaemons) {
  admin().update_tenant = [](const auto&, auto*) {
    return ReasonAnswer(grpc::StatusCode::FAILED_PRECONDITION, v1::CPUS_TAKEN);
  };
  EXPECT_EQ(Run("tenant set acme --cpus 2-5"), 5);
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(err(), "flatvmctl: told so (FAILED_PRECONDITION/CPUS_TAKEN)\n");
}

TEST_F(TenantSetTest, IsSentAgainUnchangedWhenTheConnectionIsLost) {
  int calls = 0;
  admin().update_tenant = [&](const auto& request, auto* response) {
    updates_.push_back(request);
    if (++calls == 1) return ReasonAnswer(grpc::StatusCode::UNAVAILABLE, v1::DAEMON_RESTARTED);
    *response->mutable_tenant() = SampleTenant();
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run("tenant set acme --vms 9"), 0) << err();
  ASSERT_EQ(updates_.size(), 2U);
  EXPECT_EQ(updates_[0].SerializeAsString(), updates_[1].SerializeAsString());
}

}  // namespace
}  // namespace flatvm::ctl
