#include "daemon/ctl/run_ctl.h"

#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/exit_code.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "daemon/base/uuid.h"
#include "daemon/check/linux_host.h"
#include "daemon/ctl/call_status.h"
#include "daemon/ctl/command_line.h"
#include "daemon/ctl/network_command.h"
#include "daemon/ctl/render_json.h"
#include "daemon/ctl/render_tenant.h"
#include "daemon/ctl/render_text.h"
#include "daemon/ctl/render_volume.h"
#include "daemon/ctl/run_check.h"
#include "daemon/ctl/run_image.h"
#include "daemon/ctl/tenant_change.h"

namespace flatvm::ctl {
namespace {

using base::EscapeForTerminal;
using base::StrCat;
using Stub = v1::Admin::Stub;

int ReportError(const absl::Status& status, OutputFormat format, std::ostream& err) {
  err << (format == OutputFormat::kJson ? RenderErrorJson(status) : RenderErrorText(status));
  return base::ExitCodeFor(static_cast<int>(status.code()));
}

// What the same change would be refused with if it were not only a preview: a script that previews
// first then stops there.
absl::Status LimitsInUse(const google::protobuf::RepeatedPtrField<v1::Excess>& excesses) {
  std::string list;
  for (const v1::Excess& excess : excesses) {
    base::StrAppend(&list, list.empty() ? "" : ", ", excess.limit(), " ", excess.limit_value(),
                    " (", excess.used(), " in use)");
  }
  const v1::Excess& first = excesses[0];
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition,
      base::ErrorInfo{.reason = base::Reason::kTenantLimitsInUse,
                      .field = StrCat("limits.", first.limit()),
                      .limit = first.limit(),
                      .limit_value = first.limit_value(),
                      .used = first.used()},
      StrCat("less than is in use: ", list, "; destroy secondaries first, or add --force"));
}

// Carries one command out: an operator() for each.
class Runner {
 public:
  Runner(const Invocation& invocation, const Surroundings& surroundings)
      : json_(invocation.format == OutputFormat::kJson),
        client_(invocation.socket_path, invocation.timeout, surroundings.sleep),
        out_(surroundings.out),
        err_(surroundings.err),
        progress_(surroundings.progress),
        host_(surroundings.host) {}

  int operator()(v1::CreateTenantRequest request) {
    request.set_request_id(base::NewUuid());
    const auto answer = client_.Call(&Stub::CreateTenant, request);
    if (!answer.ok()) return Fail(answer.status());
    if (json_) {
      Json object = TenantJson(answer->tenant());
      object.emplace("needs_restart", StringListJson(answer->needs_restart()));
      return Print(object);
    }
    const v1::Tenant& tenant = answer->tenant();
    out_ << EscapeForTerminal(StrCat(request.validate_only() ? "would add" : "added", " tenant ",
                                     tenant.name(), " with primary ", tenant.primary().domain()))
         << "\n"
         << TenantDetails(tenant);
    if (answer->needs_restart().empty()) return Done();
    // Its own words for what has to happen: a reboot inside the guest keeps the old devices.
    const std::string& domain = tenant.primary().domain();
    const std::string what = JoinWords(answer->needs_restart());
    out_ << "\n"
         << EscapeForTerminal(
                request.validate_only()
                    ? StrCat(domain, " would need a restart for ", what,
                             ": add --restart, or restart it yourself afterwards")
                    : StrCat(domain, " needs a restart for ", what, ": virsh shutdown ", domain,
                             ", then virsh start ", domain,
                             " (virsh reboot is not enough; next time --restart does it)"))
         << "\n";
    return Done();
  }

  int operator()(const TenantChange& change) {
    v1::Tenant now;
    if (NeedsTenant(change)) {
      v1::ShowTenantRequest show;
      show.set_name(change.request.name());
      const auto shown = client_.Call(&Stub::ShowTenant, show);
      if (!shown.ok()) return Fail(shown.status());
      now = shown->tenant();
    }
    auto request = BuildUpdate(change, now);
    if (!request.ok()) return Fail(request.status());
    request->set_request_id(base::NewUuid());
    const auto answer = client_.Call(&Stub::UpdateTenant, *request);
    if (!answer.ok()) return Fail(answer.status());
    if (json_) Print(UpdatedTenantJson(*answer));
    if (!json_) Print(UpdatedTenant(*request, *answer));
    const bool would_be_refused = request->validate_only() && !request->force();
    if (!would_be_refused || answer->excess().empty()) return Done();
    out_.flush();  // the error comes last
    return Fail(LimitsInUse(answer->excess()));
  }

  int operator()(v1::RemoveTenantRequest request) {
    request.set_request_id(base::NewUuid());
    auto answer = client_.Call(&Stub::RemoveTenant, request);
    if (WasDoneBefore(answer.status())) answer = v1::RemoveTenantResponse();
    if (!answer.ok()) return Fail(answer.status());
    if (json_) {
      return Print({{"name", request.name()},
                    {"destroyed_vms", answer->destroyed_vms()},
                    {"deleted_volumes", answer->deleted_volumes()},
                    {"deleted_images", answer->deleted_images()},
                    {"needs_restart", StringListJson(answer->needs_restart())}});
    }
    const bool dry = request.validate_only();
    out_ << EscapeForTerminal(StrCat(dry ? "would remove" : "removed", " tenant ", request.name(),
                                     RemovedWithIt(*answer)))
         << "\n";
    if (answer->needs_restart().empty()) return Done();
    out_ << EscapeForTerminal(StrCat("its primary ", dry ? "would keep" : "keeps", " ",
                                     JoinWords(answer->needs_restart()),
                                     " until it is shut down and started again"))
         << "\n";
    return Done();
  }

  int operator()(const v1::ListTenantsRequest& request) {
    const auto answer = client_.Call(&Stub::ListTenants, request);
    if (!answer.ok()) return Fail(answer.status());
    if (!json_) return Print(TenantTable(answer->tenants()));
    Json tenants = Json::array();
    for (const v1::Tenant& tenant : answer->tenants()) tenants.push_back(TenantJson(tenant));
    return Print({{"tenants", tenants}});
  }

  int operator()(const v1::ShowTenantRequest& request) {
    const auto answer = client_.Call(&Stub::ShowTenant, request);
    if (!answer.ok()) return Fail(answer.status());
    if (!json_) return Print(TenantDetails(answer->tenant()) + "\n" + VmTable(answer->vms()));
    Json object = TenantJson(answer->tenant());
    object.update(VmListJson(answer->vms()));
    return Print(object);
  }

  int operator()(const v1::ListAllVmsRequest& request) {
    const auto answer = client_.Call(&Stub::ListAllVms, request);
    if (!answer.ok()) return Fail(answer.status());
    return json_ ? Print(VmListJson(answer->vms())) : Print(VmTable(answer->vms()));
  }

  int operator()(const v1::ListAllVolumesRequest& request) {
    const auto answer = client_.Call(&Stub::ListAllVolumes, request);
    if (!answer.ok()) return Fail(answer.status());
    return json_ ? Print(VolumeListJson(answer->volumes())) : Print(VolumeTable(answer->volumes()));
  }

  int operator()(const v1::ShowAnyVmRequest& request) {
    const auto answer = client_.Call(&Stub::ShowAnyVm, request);
    if (!answer.ok()) return Fail(answer.status());
    return json_ ? Print(ShownVmJson(*answer)) : Print(VmDetails(*answer));
  }

  // One call a secondary; goes on after a failure and ends with the first one's exit code.
  int operator()(const DestroyVms& command) {
    int exit_code = 0;
    google::protobuf::RepeatedPtrField<v1::Vm> destroyed;
    for (v1::DestroyAnyVmRequest request : command.requests) {
      request.set_request_id(base::NewUuid());
      auto answer = client_.Call(&Stub::DestroyAnyVm, request);
      if (WasDoneBefore(answer.status())) answer = Gone(request);
      if (!answer.ok()) {
        const int code = Fail(answer.status());
        if (exit_code == 0) exit_code = code;
        continue;
      }
      *destroyed.Add() = answer->vm();
      if (json_) continue;
      const v1::Vm& vm = answer->vm();
      out_ << EscapeForTerminal(
                  StrCat(request.validate_only() ? "would destroy " : "destroyed ", NameOf(vm)))
           << "\n";
    }
    if (json_) Print(VmListJson(destroyed));
    return exit_code;
  }

  int operator()(const ImageCommand& command) {
    const absl::Status status =
        RunImageCommand(command, {.format = json_ ? OutputFormat::kJson : OutputFormat::kText,
                                  .out = out_,
                                  .client = client_,
                                  .progress = progress_});
    out_.flush();  // the error comes last
    return status.ok() ? Done() : Fail(status);
  }

  int operator()(const NetworkCommand& command) {
    const absl::Status status = RunNetworkCommand(command, json_, client_, out_);
    return status.ok() ? Done() : Fail(status);
  }

  int operator()(const CheckCommand& command) {
    check::LinuxHost this_one;
    const absl::Status status =
        RunCheck(command, {.format = json_ ? OutputFormat::kJson : OutputFormat::kText,
                           .out = out_,
                           .client = client_,
                           .host = host_ != nullptr ? *host_ : this_one});
    out_.flush();
    return status.ok() ? Done() : Fail(status);
  }

 private:
  // A first attempt may have done it before the connection was lost; flatvmd's memory of it does
  // not outlive flatvmd (proto: DestroyVmRequest).
  bool WasDoneBefore(const absl::Status& status) const {
    return absl::IsNotFound(status) && client_.attempts() > 1;
  }

  // All that is known of a secondary that an earlier attempt destroyed.
  static v1::DestroyAnyVmResponse Gone(const v1::DestroyAnyVmRequest& request) {
    v1::DestroyAnyVmResponse response;
    const bool is_id = request.tenant().empty();
    if (is_id) response.mutable_vm()->set_id(request.vm());
    if (!is_id) response.mutable_vm()->set_name(request.vm());
    response.mutable_vm()->set_tenant(request.tenant());
    response.mutable_vm()->set_state(v1::VM_DESTROYING);
    return response;
  }

  static std::string NameOf(const v1::Vm& vm) {
    if (vm.name().empty()) return vm.id();
    const std::string name = StrCat(vm.tenant(), "/", vm.name());
    return vm.id().empty() ? name : StrCat(name, " (", vm.id(), ")");
  }

  int Print(const Json& value) {
    out_ << DumpJson(value);
    return Done();
  }
  int Print(const std::string& text) {
    out_ << text;
    return Done();
  }
  int Fail(const absl::Status& status) const {
    return ReportError(status, json_ ? OutputFormat::kJson : OutputFormat::kText, err_);
  }
  static int Done() { return 0; }

  const bool json_;
  AdminClient client_;
  std::ostream& out_;
  std::ostream& err_;
  const ProgressFn progress_;
  check::Host* const host_;  // may be null
};

}  // namespace

int RunCtl(const std::vector<std::string>& args, const Surroundings& surroundings) {
  const auto parsed = ParseCommandLine(args);
  if (!parsed.ok()) return ReportError(parsed.status(), FormatFor(args), surroundings.err);
  int exit_code = 0;
  if (const auto* print = std::get_if<PrintAndExit>(&*parsed); print != nullptr) {
    surroundings.out << print->text;
  } else if (const auto* invocation = std::get_if<Invocation>(&*parsed); invocation != nullptr) {
    exit_code = std::visit(Runner(*invocation, surroundings), invocation->command);
  }
  surroundings.out.flush();
  if (surroundings.out) return exit_code;
  return ReportError(base::InternalError("cannot write to standard output"), FormatFor(args),
                     surroundings.err);
}

}  // namespace flatvm::ctl
