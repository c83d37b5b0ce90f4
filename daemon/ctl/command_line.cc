#include "daemon/ctl/command_line.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/ctl/option_values.h"

namespace flatvm::ctl {
namespace {

using base::FieldError;
using base::Reason;

// A flatvmd that hangs is one of the things that a check is to tell.
constexpr std::chrono::seconds kCheckTimeout{10};

// The four that a new tenant must have; the grammar saw to it that they were given.
absl::StatusOr<v1::Resources> ParseAmounts(const LimitWords& words) {
  v1::Resources limits;
  FLATVM_ASSIGN_OR_RETURN(const uint32_t memory_mib,
                          base::ParseSizeMib("--memory", words.memory.value_or("")));
  FLATVM_ASSIGN_OR_RETURN(const uint32_t vcpus, ParseCount("--vcpus", words.vcpus.value_or("")));
  FLATVM_ASSIGN_OR_RETURN(const uint32_t vms, ParseCount("--vms", words.vms.value_or("")));
  FLATVM_ASSIGN_OR_RETURN(const uint32_t disk_mib,
                          base::ParseSizeMib("--disk", words.disk.value_or("")));
  limits.set_memory_mib(memory_mib);
  limits.set_vcpus(vcpus);
  limits.set_vms(vms);
  limits.set_disk_mib(disk_mib);
  return limits;
}

absl::StatusOr<Command> TenantAdd(const Words& words) {
  v1::CreateTenantRequest request;
  request.set_name(words.tenant_name);
  request.set_primary(words.primary);
  request.set_restart_primary(words.restart);
  request.set_validate_only(words.validate_only);
  FLATVM_ASSIGN_OR_RETURN(*request.mutable_limits(), ParseAmounts(words.limits));
  FLATVM_ASSIGN_OR_RETURN(const std::string cpus,
                          ParseCpus("--cpus", words.limits.cpus.value_or("all")));
  request.set_cpus(cpus);
  FLATVM_ASSIGN_OR_RETURN(const v1::NetworkMode mode,
                          ParseNetworkMode("--network", words.limits.network.value_or("nat")));
  request.set_network_mode(mode);
  FLATVM_ASSIGN_OR_RETURN(const std::vector<v1::PortForward> forwards,
                          ParseForwards("--forward", words.limits.forward.value_or("none")));
  request.mutable_forwards()->Assign(forwards.begin(), forwards.end());
  FLATVM_ASSIGN_OR_RETURN(const v1::NetworkLimitsChange net,
                          ParseNetworkLimitsChange(words.limits));
  request.mutable_net()->set_out_bytes(net.out_bytes());
  request.mutable_net()->set_in_bytes(net.in_bytes());
  request.mutable_net()->set_vm_out_bytes(net.vm_out_bytes());
  request.mutable_net()->set_vm_in_bytes(net.vm_in_bytes());
  FLATVM_ASSIGN_OR_RETURN(const IoLimitsChange io, ParseIoLimitsChange(words.limits));
  if (io != IoLimitsChange()) *request.mutable_io() = ApplyChange(io, v1::IoLimits());
  if (words.limits.quota_disk.has_value()) {
    FLATVM_ASSIGN_OR_RETURN(const uint32_t quota_disk_mib,
                            base::ParseSizeMib("--quota-disk", *words.limits.quota_disk));
    request.set_quota_disk_mib(quota_disk_mib);
  }
  FLATVM_ASSIGN_OR_RETURN(const CarveChange carve, ParseCarveChange(words.limits));
  if (carve != CarveChange()) {
    FLATVM_ASSIGN_OR_RETURN(*request.mutable_carve(), ApplyChange(carve, v1::Carve()));
  }
  return request;
}

absl::StatusOr<Command> TenantSet(const Words& words) {
  FLATVM_ASSIGN_OR_RETURN(TenantChange change, ParseTenantChange(words));
  return change;
}

Command TenantRemove(const Words& words) {
  v1::RemoveTenantRequest request;
  request.set_name(words.tenant_name);
  request.set_destroy_secondaries(words.destroy_secondaries);
  request.set_delete_volumes(words.delete_volumes);
  request.set_restart_primary(words.restart);
  request.set_validate_only(words.validate_only);
  return request;
}

absl::StatusOr<Command> VmShow(const Words& words) {
  FLATVM_ASSIGN_OR_RETURN(const VmReference reference,
                          ParseVmReference(words.vm_word, words.tenant_option));
  v1::ShowAnyVmRequest request;
  request.set_tenant(reference.tenant);
  request.set_vm(reference.vm);
  return request;
}

absl::StatusOr<Command> VmDestroy(const Words& words) {
  DestroyVms destroy;
  for (const std::string& word : words.vm_words) {
    FLATVM_ASSIGN_OR_RETURN(const VmReference reference,
                            ParseVmReference(word, words.tenant_option));
    v1::DestroyAnyVmRequest& request = destroy.requests.emplace_back();
    request.set_tenant(reference.tenant);
    request.set_vm(reference.vm);
    request.set_validate_only(words.validate_only);
  }
  return destroy;
}

Command TenantShow(const Words& words) {
  v1::ShowTenantRequest request;
  request.set_name(words.tenant_name);
  return request;
}

Command VmList(const Words& words) {
  v1::ListAllVmsRequest request;
  request.set_tenant(words.tenant_option);
  return request;
}

Command VolumeList(const Words& words) {
  v1::ListAllVolumesRequest request;
  request.set_tenant(words.tenant_option);
  return request;
}

absl::StatusOr<Command> Network(const Words& words) {
  FLATVM_ASSIGN_OR_RETURN(NetworkCommand command, ParseNetworkCommand(words));
  return command;
}

absl::StatusOr<Command> Image(const Words& words) {
  FLATVM_ASSIGN_OR_RETURN(ImageCommand command, ParseImageCommand(words));
  return command;
}

absl::StatusOr<Command> Check(const Words& words) {
  if (words.check_config == "") {
    return FieldError(Reason::kFieldMalformed, "--config", "must not be empty");
  }
  return CheckCommand{.config_path = words.check_config.value_or("")};
}

absl::StatusOr<Command> CommandOf(const Words& words) {
  switch (words.command) {
    case CommandWord::kTenantAdd:
      return TenantAdd(words);
    case CommandWord::kTenantSet:
      return TenantSet(words);
    case CommandWord::kTenantRemove:
      return TenantRemove(words);
    case CommandWord::kTenantList:
      return v1::ListTenantsRequest();
    case CommandWord::kTenantShow:
      return TenantShow(words);
    case CommandWord::kNetworkAdd:
    case CommandWord::kNetworkRemove:
    case CommandWord::kNetworkList:
      return Network(words);
    case CommandWord::kList:
      return VmList(words);
    case CommandWord::kShow:
      return VmShow(words);
    case CommandWord::kDestroy:
      return VmDestroy(words);
    case CommandWord::kVolumeList:
      return VolumeList(words);
    case CommandWord::kImageAdd:
    case CommandWord::kImageList:
    case CommandWord::kImageRemove:
    case CommandWord::kImageVerify:
      return Image(words);
    case CommandWord::kCheck:
      return Check(words);
  }
  return base::InternalError("a command without a meaning");
}

absl::StatusOr<Invocation> InvocationOf(const Words& words) {
  Invocation invocation;
  if (!words.socket.empty()) invocation.socket_path = words.socket;
  if (words.json) invocation.format = OutputFormat::kJson;
  if (words.command == CommandWord::kCheck) invocation.timeout = kCheckTimeout;
  if (!words.timeout.empty()) {
    FLATVM_ASSIGN_OR_RETURN(const uint32_t timeout_ms,
                            base::ParseDurationMs("--timeout", words.timeout));
    if (timeout_ms == 0) return FieldError(Reason::kFieldOutOfRange, "--timeout", "must not be 0");
    invocation.timeout = std::chrono::milliseconds(timeout_ms);
  }
  FLATVM_ASSIGN_OR_RETURN(invocation.command, CommandOf(words));
  return invocation;
}

}  // namespace

absl::StatusOr<VmReference> ParseVmReference(const std::string& word, const std::string& tenant) {
  const size_t slash = word.find('/');
  if (slash == std::string::npos) {
    if (!tenant.empty() || base::IsUuid(word)) return VmReference{tenant, word};
    const std::string shown = base::EscapeForLog(word, 80);
    return FieldError(Reason::kFieldMissing, "VM",
                      base::StrCat("\"", shown, "\" is a name, not an id: say whose, as TENANT/",
                                   shown, " or with --tenant"));
  }
  VmReference reference{word.substr(0, slash), word.substr(slash + 1)};
  if (reference.tenant.empty() || reference.vm.empty() ||
      reference.vm.find('/') != std::string::npos) {
    return FieldError(Reason::kFieldMalformed, "VM", "must be an id, TENANT/NAME or NAME");
  }
  if (!tenant.empty() && tenant != reference.tenant) {
    return FieldError(Reason::kFieldMalformed, "VM", "names another tenant than --tenant");
  }
  return reference;
}

OutputFormat FormatFor(const std::vector<std::string>& args) {
  const bool json = std::find(args.begin(), args.end(), "--json") != args.end();
  return json ? OutputFormat::kJson : OutputFormat::kText;
}

absl::StatusOr<std::variant<Invocation, PrintAndExit>> ParseCommandLine(
    const std::vector<std::string>& args) {
  const auto parsed = ParseWords(args);
  if (!parsed.ok()) return parsed.status();
  if (const auto* print = std::get_if<PrintAndExit>(&*parsed); print != nullptr) return *print;
  return InvocationOf(std::get<Words>(*parsed));
}

}  // namespace flatvm::ctl
