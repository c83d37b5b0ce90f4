// Exit codes of flatvm and flatvmctl; daemon/docs/exit-codes.md lists them for users.
#pragma once

namespace flatvm::base {

// The exit code for a google.rpc.Code / absl::StatusCode: 0 OK, 2 INVALID_ARGUMENT (and wrong words
// on the command line), 3 NOT_FOUND, 4 ALREADY_EXISTS, 5 FAILED_PRECONDITION, 6 RESOURCE_EXHAUSTED,
// 7 PERMISSION_DENIED, 8 UNAVAILABLE, 9 DEADLINE_EXCEEDED, 10 ABORTED, 11 UNIMPLEMENTED, 1
// everything else.
int ExitCodeFor(int canonical_code);

// The name of a google.rpc.Code, such as "NOT_FOUND"; "UNKNOWN" for a number that has none.
const char* CodeName(int canonical_code);

constexpr int kExitUsage = 2;

}  // namespace flatvm::base
