// The command line: words to requests. Knows nothing of the daemon or of output.
#pragma once

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/ctl/grammar.h"
#include "daemon/ctl/image_command.h"
#include "daemon/ctl/network_command.h"
#include "daemon/ctl/tenant_change.h"
#include "flatvm/v1/admin.pb.h"

namespace flatvm::ctl {

enum class OutputFormat { kText, kJson };

struct CheckCommand {
  std::string config_path;  // empty: the usual one, which need not be there
};

struct DestroyVms {
  std::vector<v1::DestroyAnyVmRequest> requests;
};

// What to do; where flatvmd does it, as the request to send. Requests have no request_id yet.
using Command = std::variant<v1::CreateTenantRequest, TenantChange, v1::RemoveTenantRequest,
                             v1::ListTenantsRequest, v1::ShowTenantRequest, v1::ListAllVmsRequest,
                             v1::ShowAnyVmRequest, DestroyVms, v1::ListAllVolumesRequest,
                             NetworkCommand, ImageCommand, CheckCommand>;

struct Invocation {
  std::string socket_path = "/run/flatvm/admin.sock";
  std::chrono::milliseconds timeout{90'000};
  OutputFormat format = OutputFormat::kText;
  Command command;
};

// `args` without the program's name. Errors: INVALID_ARGUMENT with kFieldMissing, kFieldMalformed
// or kFieldOutOfRange and the option as field, where one is at fault.
absl::StatusOr<std::variant<Invocation, PrintAndExit>> ParseCommandLine(
    const std::vector<std::string>& args);

// Whether errors go out as JSON: asked of the words alone, as they may not parse.
OutputFormat FormatFor(const std::vector<std::string>& args);

// A secondary as operators name it: an id, "<tenant>/<name>", or a name with --tenant.
struct VmReference {
  std::string tenant;  // empty: vm is an id
  std::string vm;
};

// Errors: INVALID_ARGUMENT / kFieldMalformed or kFieldMissing naming "VM".
absl::StatusOr<VmReference> ParseVmReference(const std::string& word, const std::string& tenant);

}  // namespace flatvm::ctl
