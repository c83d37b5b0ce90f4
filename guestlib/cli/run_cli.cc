#include "guestlib/cli/run_cli.h"

#include <memory>
#include <utility>
#include <variant>

#include "guestlib/cli/answers.h"
#include "guestlib/cli/command_line.h"
#include "guestlib/cli/image_commands.h"
#include "guestlib/cli/import_meter.h"
#include "guestlib/cli/render_json.h"
#include "guestlib/cli/render_tenant.h"
#include "guestlib/cli/render_text.h"
#include "guestlib/cli/volume_commands.h"

namespace flatvm::cli {
namespace {

// Carries one command out: an operator() for each.
class Runner {
 public:
  Runner(const Invocation& invocation, const Surroundings& surroundings)
      : answers_(invocation.format, surroundings.out, surroundings.err),
        service_(surroundings.connect(invocation.client)),
        surroundings_(surroundings) {}

  int operator()(const CreateCommand& command) {
    const Result<Vm> vm = service_->CreateVm(command.spec, command.call);
    if (!vm.ok()) return answers_.Fail(vm.error());
    if (answers_.json()) return answers_.Print(DumpJson(VmJson(*vm)));
    return answers_.Print(command.call.validate_only ? WouldCreateLine(*vm) : CreatedLine(*vm));
  }

  int operator()(const DestroyCommand& command) {
    const char* verb = command.call.validate_only ? "would destroy " : "destroyed ";
    return answers_.RemoveEach(
        command.vms, [&](const std::string& vm) { return service_->DestroyVm(vm, command.call); },
        [&](const Vm& vm) { return RemovedLine(verb, vm.name, vm.id); }, &VmJson, &VmListJson);
  }

  int operator()(const ShowCommand& command) {
    const Result<Vm> vm = service_->ShowVm(command.vm);
    if (!vm.ok()) return answers_.Fail(vm.error());
    return answers_.Print(answers_.json() ? DumpJson(VmJson(*vm)) : VmDetails(*vm));
  }

  int operator()(const ListCommand& /*command*/) {
    const Result<std::vector<Vm>> vms = service_->ListVms();
    if (!vms.ok()) return answers_.Fail(vms.error());
    return answers_.Print(answers_.json() ? DumpJson(VmListJson(*vms))
                                          : VmTable(*vms, surroundings_.now()));
  }

  int operator()(const TenantCommand& /*command*/) {
    const Result<Tenant> tenant = service_->GetTenant();
    if (!tenant.ok()) return answers_.Fail(tenant.error());
    return answers_.Print(answers_.json() ? DumpJson(TenantJson(*tenant)) : TenantDetails(*tenant));
  }

  int operator()(const VolumeCommand& command) {
    return RunVolumeCommand(command, *service_, surroundings_.find_mount, answers_);
  }

  int operator()(const ImageCommand& command) {
    // Who reads JSON reads the answer.
    ImportMeter meter(answers_.json() ? MeterStyle::kNone : surroundings_.meter, surroundings_.err,
                      surroundings_.steady);
    return RunImageCommand(command, *service_, meter, answers_);
  }

 private:
  const Answers answers_;
  const std::unique_ptr<HostService> service_;
  const Surroundings& surroundings_;
};

}  // namespace

int RunCli(const std::vector<std::string>& args, const Surroundings& surroundings) {
  const Answers early(FormatFor(args), surroundings.out, surroundings.err);
  const auto parsed = ParseCommandLine(args);
  if (!parsed.ok()) return early.Fail(parsed.error());
  int exit_code = 0;
  if (const auto* print = std::get_if<PrintAndExit>(&*parsed); print != nullptr) {
    early.Print(print->text);
  } else if (const auto* invocation = std::get_if<Invocation>(&*parsed); invocation != nullptr) {
    exit_code = std::visit(Runner(*invocation, surroundings), invocation->command);
  }
  if (surroundings.out) return exit_code;
  const int unwritten_code = early.Fail({.code = Code::kInternal,
                                         .reason = Reason::kInternalError,
                                         .message = "cannot write to standard output"});
  return exit_code == 0 ? unwritten_code : exit_code;
}

}  // namespace flatvm::cli
