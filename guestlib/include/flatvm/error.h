// Why a call failed. Branch on code and reason, never on the text.
#pragma once

#include <cstdint>
#include <string>

#include "flatvm/export.h"

namespace flatvm {

// google.rpc.Code, the same numbers.
enum class Code : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,  // the only one that is worth a retry as it is
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// The protocol's flatvm.v1.Reason, the same numbers; types.proto says what each means. A newer host
// may send numbers that are not listed here.
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

struct Error {
  Code code = Code::kUnknown;
  Reason reason = Reason::kUnspecified;
  std::string message;       // for people; as the host wrote it, so escape it for a terminal
  std::string field;         // the offending field of the request, such as "spec.memory_mib"
  std::string limit;         // the limit that was hit, such as "memory_mib"; else empty, and then
  uint64_t limit_value = 0;  // these four mean nothing. In the unit of the limit's name.
  uint64_t asked = 0;        // what the call would have added, overhead included
  uint64_t used = 0;         // the primary's share included
  uint64_t left = 0;         // limit_value - used
  std::string request_id;    // under which the host's journal tells the rest; may be empty

  bool operator==(const Error&) const = default;
};

// "NOT_FOUND" and its like; "UNKNOWN" for a number that is no code. Thread-safe.
FLATVM_EXPORT const char* CodeName(Code code);

// "VM_NOT_FOUND" and its like, as the protocol spells it; "REASON_<number>" for one that this
// version does not know. Thread-safe.
FLATVM_EXPORT std::string ReasonName(Reason reason);

}  // namespace flatvm
