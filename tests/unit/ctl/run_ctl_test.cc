#include "daemon/ctl/run_ctl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "daemon/base/names.h"
#include "nlohmann/json.hpp"
#include "tests/unit/ctl/run_ctl_fixture.h"
#include "tests/unit/ctl/samples.h"

namespace flatvm::ctl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

nlohmann::json JsonIn(const std::string& text) {
  return nlohmann::json::parse(text, nullptr, false);
}

TEST_F(RunCtlTest, TenantAddSaysWhatNeedsARestart) {
  v1::CreateTenantRequest seen;
  admin().create_tenant = [&](const auto& request, auto* response) {
    seen = request;
    *response->mutable_tenant() = SampleTenant();
    for (const char* what : {"vsock", "partition", "nic"}) response->add_needs_restart(what);
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run(kAdd), 0);
  EXPECT_TRUE(base::IsUuid(seen.request_id())) << seen.request_id();
  EXPECT_EQ(seen.limits().disk_mib(), 20480U);
  EXPECT_THAT(out(), HasSubstr("added tenant acme with primary acme-primary\n"));
  EXPECT_THAT(out(), HasSubstr("acme-primary needs a restart for vsock, partition and nic: "));
  EXPECT_THAT(err(), IsEmpty());

  EXPECT_EQ(Run(std::string(kAdd) + "--validate-only"), 0);
  EXPECT_THAT(out(), HasSubstr("would add tenant acme"));
  EXPECT_THAT(out(), HasSubstr("acme-primary would need a restart for vsock, partition and nic: "
                               "add --restart"));

  EXPECT_EQ(Run(std::string(kAdd) + "--json"), 0);
  EXPECT_EQ(JsonIn(out()).value("name", ""), "acme");
  EXPECT_EQ(JsonIn(out()).value("needs_restart", nlohmann::json()).dump(),
            R"(["vsock","partition","nic"])");
}

TEST_F(RunCtlTest, TenantAddIsQuietWhenNothingNeedsARestart) {
  admin().create_tenant = [](const auto&, auto* response) {
    *response->mutable_tenant() = SampleTenant();
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run(kAdd), 0);
  EXPECT_EQ(out().find("restart"), std::string::npos) << out();
  EXPECT_EQ(Run(std::string(kAdd) + "--json"), 0);
  EXPECT_EQ(JsonIn(out()).value("needs_restart", nlohmann::json()).dump(), "[]");
}

TEST_F(RunCtlTest, TenantRemove) {
  admin().remove_tenant = [](const auto& request, auto* response) {
    EXPECT_EQ(request.name(), "acme");
    EXPECT_TRUE(request.destroy_secondaries());
    response->set_destroyed_vms(2);
    response->set_deleted_volumes(1);
    response->add_needs_restart("nic");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run("tenant remove acme --destroy-secondaries"), 0);
  EXPECT_EQ(out(),
            "removed tenant acme with 2 secondaries and 1 volume\n"
            "its primary keeps nic until it is shut down and started again\n");
  EXPECT_EQ(Run("tenant remove acme --destroy-secondaries --validate-only"), 0);
  EXPECT_EQ(out(),
            "would remove tenant acme with 2 secondaries and 1 volume\n"
            "its primary would keep nic until it is shut down and started again\n");
  EXPECT_EQ(Run("tenant remove acme --destroy-secondaries --json"), 0);
  EXPECT_EQ(JsonIn(out()).dump(),
            R"({"deleted_images":0,"deleted_volumes":1,"destroyed_vms":2,"name":"acme",)"
            R"("needs_restart":["nic"]})");
}

TEST_F(RunCtlTest, ListsVolumes) {
  admin().list_all_volumes = [](const auto& request, auto* response) {
    if (request.tenant() == "globex") return grpc::Status::OK;
    v1::Volume* volume = response->add_volumes();
    volume->set_tenant("acme");
    volume->set_name("data");
    volume->set_state(v1::VOLUME_READY);
    volume->set_size_mib(2048);
    volume->set_attached_to("primary");
    volume->set_id("0c1f6c1e-8f0f-4b58-9d57-6a1f1e5d9b11");
    volume->set_serial("vol-0c1f6c1e8f0f4b58");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run("volume list"), 0);
  EXPECT_EQ(out(),
            "TENANT  NAME  STATE  SIZE  ATTACHED-TO  ID\n"
            "acme    data  ready  2GiB  primary      0c1f6c1e-8f0f-4b58-9d57-6a1f1e5d9b11\n");
  EXPECT_EQ(Run("volume list --tenant globex"), 0);
  EXPECT_EQ(out(), "no volumes\n");
  EXPECT_EQ(Run("volume list --json"), 0);
  EXPECT_EQ(JsonIn(out())["volumes"][0]["serial"], "vol-0c1f6c1e8f0f4b58");
}

TEST_F(RunCtlTest, ListsAndShows) {
  admin().list_tenants = [](auto* response) {
    *response->add_tenants() = SampleTenant();
    return grpc::Status::OK;
  };
  admin().show_tenant = [](const auto& request, auto* response) {
    EXPECT_EQ(request.name(), "acme");
    *response->mutable_tenant() = SampleTenant();
    *response->add_vms() = SampleVm();
    return grpc::Status::OK;
  };
  admin().list_vms = [](const auto& request, auto* response) {
    EXPECT_EQ(request.tenant(), "acme");
    *response->add_vms() = SampleVm();
    return grpc::Status::OK;
  };
  admin().show_vm = [](const auto& request, auto* response) {
    EXPECT_EQ(request.tenant(), "acme");
    EXPECT_EQ(request.vm(), "web");
    *response->mutable_vm() = SampleVm();
    response->set_domain("flatvm-acme-web");
    response->set_console_log("/c.log");
    return grpc::Status::OK;
  };
  const struct {
    const char* line;
    const char* text;
    const char* json_pointer;
    const char* json_value;
  } kTable[] = {
      {"tenant list", "acme    acme-primary  running", "/tenants/0/left/vms", "7"},
      {"tenant show acme", "no such line", "/vms/0/name", "\"web\""},
      {"list --tenant acme", "acme    web   running", "/vms/0/memory_mib", "192"},
      {"show acme/web", "domain:        flatvm-acme-web", "/console_log", "\"/c.log\""},
  };
  for (const auto& row : kTable) {
    EXPECT_EQ(Run(row.line), 0) << row.line;
    if (std::string(row.line) == "tenant show acme") {
      EXPECT_THAT(out(), HasSubstr("AMOUNT  LIMIT"));
      EXPECT_THAT(out(), HasSubstr("\nTENANT  NAME  STATE"));
    } else {
      EXPECT_THAT(out(), HasSubstr(row.text));
    }
    EXPECT_EQ(Run(std::string(row.line) + " --json"), 0) << row.line;
    const nlohmann::json tree = JsonIn(out());
    const nlohmann::json::json_pointer pointer(row.json_pointer);
    ASSERT_TRUE(tree.contains(pointer)) << row.line << out();
    EXPECT_EQ(tree.at(pointer).dump(), row.json_value) << row.line;
    EXPECT_THAT(err(), IsEmpty());
  }
}

TEST_F(RunCtlTest, EmptyListsAreListsInJson) {
  EXPECT_EQ(Run("list --json"), 0);
  EXPECT_EQ(JsonIn(out()).dump(), R"({"vms":[]})");
  EXPECT_EQ(Run("tenant list --json"), 0);
  EXPECT_EQ(JsonIn(out()).dump(), R"({"tenants":[]})");
}

TEST_F(RunCtlTest, DestroyGoesOnAfterAFailureAndKeepsTheFirstCode) {
  std::set<std::string> ids;
  admin().destroy_vm = [&](const auto& request, auto* response) {
    ids.insert(request.request_id());
    if (request.vm() == "a") return ReasonAnswer(grpc::StatusCode::NOT_FOUND, v1::VM_NOT_FOUND);
    if (request.vm() == "b") return ReasonAnswer(grpc::StatusCode::ABORTED, v1::CHANGE_IN_FLIGHT);
    *response->mutable_vm() = SampleVm();
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run("destroy --tenant acme a b web"), 3);
  EXPECT_EQ(ids.size(), 3U);
  EXPECT_EQ(out(), "destroyed acme/web (0123abcd-4567-489a-bcde-f0123456789a)\n");
  EXPECT_EQ(err(),
            "flatvmctl: told so (NOT_FOUND/VM_NOT_FOUND)\n"
            "flatvmctl: told so (ABORTED/CHANGE_IN_FLIGHT)\n");
  EXPECT_EQ(Run("destroy --tenant acme web --validate-only"), 0);
  EXPECT_THAT(out(), HasSubstr("would destroy acme/web"));
  EXPECT_EQ(Run("destroy --tenant acme a web --json"), 3);
  EXPECT_EQ(JsonIn(out()).value("vms", nlohmann::json()).size(), 1U);
}

TEST_F(RunCtlTest, EveryCodeHasItsExitCode) {
  const struct {
    grpc::StatusCode code;
    v1::Reason reason;
    int exit_code;
  } kTable[] = {
      {grpc::StatusCode::INVALID_ARGUMENT, v1::FIELD_MALFORMED, 2},
      {grpc::StatusCode::NOT_FOUND, v1::TENANT_NOT_FOUND, 3},
      {grpc::StatusCode::ALREADY_EXISTS, v1::TENANT_EXISTS, 4},
      {grpc::StatusCode::FAILED_PRECONDITION, v1::TENANT_HAS_SECONDARIES, 5},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, v1::SUBNET_POOL_EMPTY, 6},
      {grpc::StatusCode::PERMISSION_DENIED, v1::POLICY_FORBIDS, 7},
      {grpc::StatusCode::UNAVAILABLE, v1::HYPERVISOR_UNAVAILABLE, 8},
      {grpc::StatusCode::DEADLINE_EXCEEDED, v1::STAGE_TIMED_OUT, 9},
      {grpc::StatusCode::ABORTED, v1::CHANGE_IN_FLIGHT, 10},
      {grpc::StatusCode::UNIMPLEMENTED, v1::METHOD_UNIMPLEMENTED, 11},
      {grpc::StatusCode::INTERNAL, v1::INTERNAL_ERROR, 1},
  };
  for (const auto& row : kTable) {
    int calls = 0;
    admin().list_vms = [&](const auto&, auto*) {
      ++calls;
      return ReasonAnswer(row.code, row.reason);
    };
    EXPECT_EQ(Run("list"), row.exit_code);
    EXPECT_THAT(err(), HasSubstr("/" + v1::Reason_Name(row.reason)));
    EXPECT_THAT(out(), IsEmpty());
    EXPECT_EQ(calls, 1) << "the daemon's own answer is not asked for again";
    EXPECT_EQ(Run("list --json"), row.exit_code);
    EXPECT_EQ(JsonIn(err()).value("error", nlohmann::json::object()).value("reason", ""),
              v1::Reason_Name(row.reason));
    EXPECT_THAT(out(), IsEmpty());
  }
}

TEST_F(RunCtlTest, UsageErrorsAreJsonToo) {
  EXPECT_EQ(Run("show --json"), 2);
  EXPECT_FALSE(JsonIn(err()).is_discarded()) << err();
}

TEST_F(RunCtlTest, AnOutputThatCannotBeWrittenIsAnError) {
  out_.setstate(std::ios::badbit);
  EXPECT_EQ(Run("list"), 1);
  EXPECT_THAT(err(), HasSubstr("cannot write to standard output"));
}

}  // namespace
}  // namespace flatvm::ctl
