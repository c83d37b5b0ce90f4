#include "guestlib/cli/run_cli.h"

#include <memory>
#include <utility>
#include <variant>

#include "daemon/base/exit_code.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "guestlib/cli/command_line.h"
#include "guestlib/cli/render_error.h"
#include "guestlib/cli/render_json.h"
#include "guestlib/cli/render_tenant.h"
#include "guestlib/cli/render_text.h"

namespace flatvm::cli {
namespace {

using base::EscapeForTerminal;
using base::StrCat;

int Report(const Error& error, OutputFormat format, std::ostream& err) {
  err << RenderError(error, format) << std::flush;
  return base::ExitCodeFor(static_cast<int>(error.code));
}

// Carries one command out: an operator() for each.
class Runner {
 public:
  Runner(const Invocation& invocation, const Surroundings& surroundings)
      : format_(invocation.format),
        service_(surroundings.connect(invocation.client)),
        surroundings_(surroundings) {}

  int operator()(const CreateCommand& command) {
    const Result<Vm> vm = service_->CreateVm(command.spec, command.call);
    if (!vm.ok()) return Fail(vm.error());
    if (Json()) return Print(DumpJson(VmJson(*vm)));
    return Print(command.call.validate_only ? WouldCreateLine(*vm) : CreatedLine(*vm));
  }

  // One call a VM; goes on after a failure and ends with the first one's exit code.
  int operator()(const DestroyCommand& command) {
    int exit_code = 0;
    std::vector<Vm> destroyed;
    for (const std::string& name_or_id : command.vms) {
      Result<Vm> vm = service_->DestroyVm(name_or_id, command.call);
      if (!vm.ok()) {
        const int code = Fail(vm.error());
        if (exit_code == 0) exit_code = code;
        continue;
      }
      if (!Json()) Print(DestroyedLine(*vm, command.call));
      destroyed.push_back(*std::move(vm));
    }
    if (Json() && command.vms.size() > 1) Print(DumpJson(VmListJson(destroyed)));
    if (Json() && command.vms.size() == 1 && exit_code == 0) {
      Print(DumpJson(VmJson(destroyed.front())));
    }
    return exit_code;
  }

  int operator()(const ShowCommand& command) {
    const Result<Vm> vm = service_->ShowVm(command.vm);
    if (!vm.ok()) return Fail(vm.error());
    return Print(Json() ? DumpJson(VmJson(*vm)) : VmDetails(*vm));
  }

  int operator()(const ListCommand& /*command*/) {
    const Result<std::vector<Vm>> vms = service_->ListVms();
    if (!vms.ok()) return Fail(vms.error());
    return Print(Json() ? DumpJson(VmListJson(*vms)) : VmTable(*vms, surroundings_.now()));
  }

  int operator()(const TenantCommand& /*command*/) {
    const Result<Tenant> tenant = service_->GetTenant();
    if (!tenant.ok()) return Fail(tenant.error());
    return Print(Json() ? DumpJson(TenantJson(*tenant)) : TenantDetails(*tenant));
  }

 private:
  static std::string DestroyedLine(const Vm& vm, const CallOptions& call) {
    const std::string id = vm.id.empty() || vm.name.empty() ? vm.id : StrCat(" (", vm.id, ")");
    return EscapeForTerminal(
               StrCat(call.validate_only ? "would destroy " : "destroyed ", vm.name, id)) +
           "\n";
  }

  bool Json() const { return format_ == OutputFormat::kJson; }
  int Fail(const Error& error) const { return Report(error, format_, surroundings_.err); }
  int Print(const std::string& text) const {
    surroundings_.out << text << std::flush;  // a later line may be long in coming
    return 0;
  }

  const OutputFormat format_;
  const std::unique_ptr<VmService> service_;
  const Surroundings& surroundings_;
};

}  // namespace

int RunCli(const std::vector<std::string>& args, const Surroundings& surroundings) {
  const auto parsed = ParseCommandLine(args);
  if (!parsed.ok()) return Report(parsed.error(), FormatFor(args), surroundings.err);
  int exit_code = 0;
  if (const auto* print = std::get_if<PrintAndExit>(&*parsed); print != nullptr) {
    surroundings.out << print->text << std::flush;
  } else if (const auto* invocation = std::get_if<Invocation>(&*parsed); invocation != nullptr) {
    exit_code = std::visit(Runner(*invocation, surroundings), invocation->command);
  }
  if (surroundings.out) return exit_code;
  const Error unwritten = {.code = Code::kInternal,
                           .reason = Reason::kInternalError,
                           .message = "cannot write to standard output"};
  const int unwritten_code = Report(unwritten, FormatFor(args), surroundings.err);
  return exit_code == 0 ? unwritten_code : exit_code;
}

}  // namespace flatvm::cli
