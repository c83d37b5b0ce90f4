#include "daemon/ctl/run_check.h"

#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/check/check_host.h"
#include "daemon/ctl/config_option.h"
#include "daemon/ctl/render_check.h"

namespace flatvm::ctl {
namespace {

check::DaemonAnswer AskDaemon(AdminClient& client) {
  const absl::StatusOr<v1::ListTenantsResponse> answer =
      client.Call(&v1::Admin::Stub::ListTenants, v1::ListTenantsRequest());
  if (!answer.ok()) return {.status = answer.status()};
  check::DaemonAnswer said;
  for (const v1::Tenant& tenant : answer->tenants()) {
    said.budgets.push_back({.tenant = tenant.name(), .disk_mib = tenant.limits().disk_mib()});
    for (const v1::Network& network : tenant.networks()) {
      if (network.mode() != v1::NETWORK_BRIDGE) continue;
      said.bridged.push_back({.tenant = tenant.name(),
                              .network = network.name(),
                              .bridge = network.bridge(),
                              .vlan = network.vlan()});
    }
  }
  return said;
}

}  // namespace

absl::Status RunCheck(const CheckCommand& command, const CheckSurroundings& surroundings) {
  if (!surroundings.host.IsRoot()) {
    return base::MakeError(absl::StatusCode::kPermissionDenied, base::Reason::kPolicyForbids,
                           "only root can try out what the host does");
  }
  FLATVM_ASSIGN_OR_RETURN(const config::Config config, LoadConfigOption(command.config_path));
  const check::HostItems items =
      check::CheckHost(surroundings.host, config, AskDaemon(surroundings.client));
  surroundings.out << (surroundings.format == OutputFormat::kJson
                           ? DumpJson(HostItemListJson(items))
                           : HostItemTable(items));
  const std::string failed = FailedItems(items);
  if (failed.empty()) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kHostUnfit,
                         base::StrCat("this host lacks what flatvm needs: ", failed));
}

}  // namespace flatvm::ctl
