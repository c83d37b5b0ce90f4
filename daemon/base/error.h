// Errors: an absl::Status that also carries a Reason, the offending field, and a limit's numbers.
// Not a second error type: what it adds travels as a payload of the status.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace flatvm::base {

// The same names and numbers as flatvm.v1.Reason (a test of daemon/rpc holds the two together).
enum class Reason : int {
  kUnspecified = 0,
  kFieldMissing = 1,
  kFieldOutOfRange = 2,
  kFieldMalformed = 3,
  kMessageMalformed = 4,
  kMessageTooLarge = 5,
  kVmNotFound = 10,
  kTenantNotFound = 11,
  kImageNotFound = 12,
  kPrimaryNotDefined = 13,
  kVolumeNotFound = 14,
  kNetworkNotFound = 15,
  kVmNameTaken = 20,
  kTenantExists = 21,
  kRequestIdReused = 22,
  kPrimaryHasTenant = 23,
  kVolumeNameTaken = 24,
  kImageExists = 25,
  kNetworkNameTaken = 26,
  kTenantHasSecondaries = 30,
  kPrimaryNotRunning = 31,
  kPrimaryRestarted = 32,
  kImageUnusable = 33,
  kPrimaryTooLarge = 34,
  kPrimaryNeedsRestart = 35,
  kPrimaryKeepsMemory = 36,
  kTenantLimitsInUse = 37,
  kCpusTaken = 38,
  kVolumeInUse = 39,
  kTenantMemoryLimit = 40,
  kTenantVcpuLimit = 41,
  kTenantVmLimit = 42,
  kTenantDiskLimit = 43,
  kTenantConnectionLimit = 44,
  kTenantCallLimit = 45,
  kSubnetPoolEmpty = 46,
  kSubnetFull = 47,
  kCidRangeEmpty = 48,
  kTenantNetworkLimit = 49,
  kChangeInFlight = 50,
  kPolicyForbids = 60,
  kHypervisorUnavailable = 70,
  kDaemonRestarted = 71,
  kBrokerUnreachable = 72,
  kServiceManagerUnavailable = 73,
  kStageTimedOut = 80,
  kMethodUnimplemented = 90,
  kInternalError = 100,
  kTenantHasVolumes = 130,
  kPrimaryKeepsDisk = 131,
  kPrimaryHasNoSlot = 132,
  kImageInUse = 133,
  kNoQuotaDisk = 134,
  kQuotaDiskUnusable = 135,
  kQuotaDiskFull = 136,
  kQuotaPathUnusable = 137,
  kNotFromQuotaDisk = 138,
  kHostUnfit = 150,
  kImageIncomplete = 160,
  kChecksumMismatch = 161,
  kTenantImportLimit = 162,
  kPortTaken = 170,
  kNetworkInUse = 171,
  kBridgeUnusable = 172,
};

// What an error says beyond its code and text.
struct ErrorInfo {
  Reason reason = Reason::kUnspecified;
  std::string field;         // path of the offending field; may be empty
  std::string limit;         // RESOURCE_EXHAUSTED: name of the limit, with its unit
  uint64_t limit_value = 0;  // in the unit of `limit`
  uint64_t asked = 0;
  uint64_t used = 0;
  uint64_t left = 0;

  bool operator==(const ErrorInfo&) const = default;
};

// `message` is public text: what the caller may do, no path, no errno, no guest bytes unescaped.
absl::Status MakeError(absl::StatusCode code, const ErrorInfo& info, std::string_view message);
absl::Status MakeError(absl::StatusCode code, Reason reason, std::string_view message);

// INVALID_ARGUMENT naming `field`; the text becomes "<field>: <message>".
absl::Status FieldError(Reason reason, std::string_view field, std::string_view message);

// INTERNAL / kInternalError. `message` goes to the journal only; callers see a fixed text (see
// PublicMessage).
absl::Status InternalError(std::string_view message);

// INTERNAL with `what` and errno's name.
absl::Status ErrnoError(int error, std::string_view what);

// What MakeError put in; a default ErrorInfo for a status that has none (kInternalError if it is
// not OK).
ErrorInfo GetErrorInfo(const absl::Status& status);

// The text that may leave the host: the status' own, but a fixed sentence for INTERNAL and for an
// error that MakeError did not make. Empty for OK.
std::string PublicMessage(const absl::Status& status);

// The same error with `context` in front of its text: "<context>: <text>". Keeps code and info.
absl::Status WithContext(const absl::Status& status, std::string_view context);

// The same error with public text behind its own that PublicMessage gives out whatever the code:
// "<text>; <note>". OK stays OK.
absl::Status WithNote(const absl::Status& status, std::string_view note);

// At most `max` bytes of `text`, everything but printable ASCII escaped as \xNN: safe for a log
// line.
std::string EscapeForLog(std::string_view text, size_t max = 200);

}  // namespace flatvm::base

// Returns early with the status of `expr` if it is not OK.
#define FLATVM_RETURN_IF_ERROR(expr)                                                       \
  do {                                                                                     \
    if (absl::Status flatvm_status_ = (expr); !flatvm_status_.ok()) return flatvm_status_; \
  } while (false)

#define FLATVM_CONCAT_INNER_(a, b) a##b
#define FLATVM_CONCAT_(a, b) FLATVM_CONCAT_INNER_(a, b)

// Assigns the value of the StatusOr `expr` to `lhs`, or returns early with its status.
#define FLATVM_ASSIGN_OR_RETURN(lhs, expr) \
  FLATVM_ASSIGN_OR_RETURN_(FLATVM_CONCAT_(flatvm_statusor_, __LINE__), lhs, expr)
// NOLINTBEGIN(bugprone-macro-parentheses): `lhs` may be a declaration.
#define FLATVM_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return tmp.status();            \
  lhs = *std::move(tmp)
// NOLINTEND(bugprone-macro-parentheses)
