#include "guestlib/src/vsock_connect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

struct Case {
  ConnectFailure failure;
  Code code;
  Reason reason;
  Outlook outlook;
  const char* text;
};

TEST(VsockConnect, SaysWhatEachErrorMeans) {
  const BrokerAddress broker;
  const milliseconds timeout(5'000);
  const Case kCases[] = {
      {SocketFailure(EAFNOSUPPORT), Code::kUnavailable, Reason::kBrokerUnreachable, Outlook::kFinal,
       "this machine has no vsock"},
      {SocketFailure(EMFILE), Code::kInternal, Reason::kInternalError, Outlook::kFinal,
       "Too many open files"},
      {BindFailure(EACCES), Code::kPermissionDenied, Reason::kPolicyForbids, Outlook::kFinal,
       "only root may ask: the source port must be below 1024"},
      {BindFailure(EADDRINUSE), Code::kUnavailable, Reason::kBrokerUnreachable, Outlook::kMayPass,
       "below 1024 is free"},
      {BindFailure(EINVAL), Code::kInternal, Reason::kInternalError, Outlook::kFinal, "bind"},
      {ConnectionFailure(ENODEV, broker, timeout), Code::kUnavailable, Reason::kBrokerUnreachable,
       Outlook::kFinal, "this machine has no vsock"},
      {ConnectionFailure(ECONNRESET, broker, timeout), Code::kUnavailable,
       Reason::kBrokerUnreachable, Outlook::kMayPass,
       "no flatvm broker answers on the host (CID 2, port 710)"},
      {ConnectionFailure(ECONNREFUSED, broker, timeout), Code::kUnavailable,
       Reason::kBrokerUnreachable, Outlook::kMayPass,
       "no flatvm broker answers on the host (CID 2, port 710)"},
      {ConnectionFailure(ETIMEDOUT, broker, timeout), Code::kUnavailable,
       Reason::kBrokerUnreachable, Outlook::kMayPass, "within 5s"},
      {ConnectionFailure(EHOSTUNREACH, broker, timeout), Code::kUnavailable,
       Reason::kBrokerUnreachable, Outlook::kMayPass, "No route to host"},
  };
  for (const Case& test : kCases) {
    EXPECT_EQ(test.failure.error.code, test.code) << test.text;
    EXPECT_EQ(test.failure.error.reason, test.reason) << test.text;
    EXPECT_EQ(test.failure.outlook, test.outlook) << test.text;
    EXPECT_THAT(test.failure.error.message, HasSubstr(test.text));
  }
}

// Of this thread only: the system call is per thread, other than libc's functions.
bool DropCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> none{};
  return ::syscall(SYS_capset, &header, none.data()) == 0;
}

TEST(VsockConnect, NeedsRootForAPrivilegedSourcePort) {
  const UniqueFd probe(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) GTEST_SKIP() << "this kernel has no vsock";
  std::thread([] {
    ASSERT_TRUE(DropCapabilities());
    const ConnectResult result = ConnectVsock(BrokerAddress(), milliseconds(200));
    const auto* failure = std::get_if<ConnectFailure>(&result);
    ASSERT_NE(failure, nullptr);
    EXPECT_EQ(failure->error.code, Code::kPermissionDenied) << failure->error.message;
    EXPECT_EQ(failure->outlook, Outlook::kFinal);
  }).join();
}

TEST(VsockConnect, NeedsNoRootForAnyOtherSourcePort) {
  std::thread([] {
    ASSERT_TRUE(DropCapabilities());
    const BrokerAddress nobody{.port = 0xFFFFFFF0, .source_port = SourcePort::kAny};
    const ConnectResult result = ConnectVsock(nobody, milliseconds(200));
    const auto* failure = std::get_if<ConnectFailure>(&result);
    ASSERT_NE(failure, nullptr);
    EXPECT_EQ(failure->error.code, Code::kUnavailable) << failure->error.message;
  }).join();
}

}  // namespace
}  // namespace flatvm::guestlib
