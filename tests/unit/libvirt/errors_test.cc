#include "daemon/libvirt/errors.h"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <string>
#include <vector>

#include "daemon/base/error.h"

namespace flatvm::libvirt {
namespace {

absl::Status StatusOf(int code, int domain, std::string text = "text") {
  virError error{};
  error.code = code;
  error.domain = domain;
  error.level = VIR_ERR_ERROR;
  error.message = text.data();
  return ErrorOf(&error, "trying");
}

TEST(LastError, KnowsALostConnection) {
  const std::vector<std::pair<int, int>> lost = {
      {VIR_ERR_NO_CONNECT, VIR_FROM_NONE},
      {VIR_ERR_INVALID_CONN, VIR_FROM_NONE},
      {VIR_ERR_RPC, VIR_FROM_RPC},
      {VIR_ERR_SYSTEM_ERROR, VIR_FROM_RPC},
      {VIR_ERR_SYSTEM_ERROR, VIR_FROM_REMOTE},
      {VIR_ERR_INTERNAL_ERROR, VIR_FROM_RPC},
      {VIR_ERR_AUTH_FAILED, VIR_FROM_REMOTE},
  };
  for (const auto& [code, domain] : lost) {
    const absl::Status status = StatusOf(code, domain, "/secret/path");
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << code << " " << domain;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kHypervisorUnavailable);
    EXPECT_EQ(base::PublicMessage(status).find("secret"), std::string::npos);
  }
}

TEST(LastError, TakesLibvirtdsOwnErrorsForWhatTheyAre) {
  const std::vector<std::pair<int, int>> others = {
      {VIR_ERR_SYSTEM_ERROR, VIR_FROM_QEMU},        {VIR_ERR_INTERNAL_ERROR, VIR_FROM_QEMU},
      {VIR_ERR_OPERATION_FAILED, VIR_FROM_NETWORK}, {VIR_ERR_XML_ERROR, VIR_FROM_DOMAIN},
      {VIR_ERR_OPERATION_INVALID, VIR_FROM_QEMU},
  };
  for (const auto& [code, domain] : others) {
    const absl::Status status = StatusOf(code, domain);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << code << " " << domain;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kInternalError);
    EXPECT_NE(status.message().find("trying: text"), absl::string_view::npos) << status;
  }
}

TEST(LastError, KnowsWhatLibvirtDoesNotKnow) {
  EXPECT_EQ(StatusOf(VIR_ERR_NO_DOMAIN, VIR_FROM_QEMU).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(StatusOf(VIR_ERR_NO_NETWORK, VIR_FROM_NETWORK).code(), absl::StatusCode::kNotFound);
}

TEST(LastError, EscapesLibvirtsText) {
  const absl::Status status = StatusOf(VIR_ERR_XML_ERROR, VIR_FROM_DOMAIN, "a\n\x1b[31mb");
  EXPECT_NE(status.message().find("a\\x0a\\x1b[31mb"), absl::string_view::npos) << status;
}

TEST(LastError, IsNeverOk) {
  ASSERT_EQ(virInitialize(), 0);  // before it a thread has no last error to ask for
  virResetLastError();
  EXPECT_EQ(LastError("trying").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ErrorOf(nullptr, "trying").code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::libvirt
