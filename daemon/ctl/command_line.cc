#include "daemon/ctl/command_line.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "CLI/CLI.hpp"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/ctl/help_text.h"

namespace flatvm::ctl {
namespace {

using base::FieldError;
using base::Reason;

// Every option as it was written; what a word means is decided after CLI11, whose own number
// conversion takes "010" for eight.
struct Words {
  std::string socket;
  std::string timeout;
  bool json = false;
  std::string tenant_name;
  std::string tenant_option;
  std::string primary;
  std::string memory;
  std::string vcpus;
  std::string vms;
  std::string disk;
  bool restart = false;
  bool destroy_secondaries = false;
  bool validate_only = false;
  std::vector<std::string> vm_words;
  std::string vm_word;
};

absl::StatusOr<uint32_t> ParseCount(std::string_view option, std::string_view text) {
  uint32_t count = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error == std::errc::result_out_of_range && rest == end) {
    return FieldError(Reason::kFieldOutOfRange, option, "is too large");
  }
  if (error == std::errc() && rest == end) return count;
  return FieldError(
      Reason::kFieldMalformed, option,
      base::StrCat("must be a whole number, not \"", base::EscapeForLog(text, 40), "\""));
}

// The CLI11 application: which words there are.
class Grammar {
 public:
  Grammar() : app_("Tenants and their secondary VMs on this host.", "flatvmctl") {
    app_.fallthrough();  // --json and its like may stand anywhere
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(28);
    app_.set_version_flag("--version", "flatvmctl " FLATVM_VERSION);
    app_.add_option("--socket", words_.socket, "flatvmd's socket [/run/flatvm/admin.sock]")
        ->type_name("PATH");
    app_.add_option("--timeout", words_.timeout, "give up after this long [90s]")
        ->type_name("TIME");
    app_.add_flag("--json", words_.json, "answers and errors as JSON");
    AddTenantCommands();
    AddVmCommands();
    app_.footer(kHelpFooter);
  }
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  // nullopt: parsed; else what to print and exit 0. CLI11 throws; nothing gets past here.
  absl::StatusOr<std::optional<PrintAndExit>> Parse(std::vector<std::string> args) {
    try {
      std::reverse(args.begin(), args.end());  // CLI11 takes them from the back
      app_.parse(std::move(args));
      return std::nullopt;
    } catch (const CLI::CallForHelp&) {
      return PrintAndExit{app_.help()};
    } catch (const CLI::CallForVersion& version) {
      return PrintAndExit{base::StrCat(version.what(), "\n")};
    } catch (const CLI::RequiredError& error) {
      // CLI11 would say "A subcommand is required" of a mistyped one too.
      if (const std::vector<std::string> unknown = app_.remaining(true); !unknown.empty()) {
        return Usage(
            Reason::kFieldMalformed,
            base::StrCat("\"", base::EscapeForLog(unknown.front(), 40), "\" is not understood"));
      }
      return Usage(Reason::kFieldMissing, error.what());
    } catch (const CLI::Error& error) {
      return Usage(Reason::kFieldMalformed, error.what());
    }
  }

  bool Got(const CLI::App* command) const { return command->parsed(); }
  const Words& words() const { return words_; }

  CLI::App* tenant_add = nullptr;
  CLI::App* tenant_remove = nullptr;
  CLI::App* tenant_list = nullptr;
  CLI::App* tenant_show = nullptr;
  CLI::App* list = nullptr;
  CLI::App* show = nullptr;
  CLI::App* destroy = nullptr;

 private:
  absl::Status Usage(Reason reason, const std::string& what) const {
    return base::MakeError(absl::StatusCode::kInvalidArgument, reason,
                           base::StrCat(what, "; see flatvmctl --help"));
  }

  void AddTenantCommands() {
    CLI::App* tenant = app_.add_subcommand("tenant", "add, remove, list and show tenants");
    tenant->require_subcommand(1);
    tenant_add = tenant->add_subcommand("add", "make a libvirt domain the primary of a new tenant");
    AddTenantName(tenant_add);
    tenant_add->add_option("--primary", words_.primary, "libvirt domain, persistent")
        ->required()
        ->type_name("DOMAIN");
    tenant_add->add_option("--memory", words_.memory, "for all its VMs, the primary included")
        ->required()
        ->type_name("SIZE");
    tenant_add->add_option("--vcpus", words_.vcpus, "for all its VMs, the primary included")
        ->required()
        ->type_name("COUNT");
    tenant_add->add_option("--vms", words_.vms, "secondaries at most")
        ->required()
        ->type_name("COUNT");
    tenant_add->add_option("--disk", words_.disk, "for all its secondaries' disks")
        ->required()
        ->type_name("SIZE");
    AddChangeFlags(tenant_add);
    AddRestartFlag(tenant_add);

    tenant_remove = tenant->add_subcommand("remove", "put the primary back as it was");
    AddTenantName(tenant_remove);
    tenant_remove->add_flag("--destroy-secondaries", words_.destroy_secondaries,
                            "destroy the tenant's secondaries first");
    AddChangeFlags(tenant_remove);
    AddRestartFlag(tenant_remove);

    tenant_list = tenant->add_subcommand("list", "all tenants");
    tenant_show = tenant->add_subcommand("show", "one tenant, its limits and its secondaries");
    AddTenantName(tenant_show);
  }

  void AddVmCommands() {
    list = app_.add_subcommand("list", "secondaries of all tenants, or of one");
    AddTenantOption(list);
    show = app_.add_subcommand("show", "one secondary");
    show->add_option("VM", words_.vm_word, "id, TENANT/NAME, or NAME")->required()->type_name("");
    AddTenantOption(show);
    destroy = app_.add_subcommand("destroy", "kill secondaries and give back what they held");
    destroy->add_option("VM", words_.vm_words, "ids, TENANT/NAMEs, or NAMEs")
        ->required()
        ->type_name("");
    AddTenantOption(destroy);
    AddChangeFlags(destroy);
  }

  void AddTenantName(CLI::App* command) {
    command->add_option("NAME", words_.tenant_name, "the tenant's name")->required()->type_name("");
  }
  void AddTenantOption(CLI::App* command) {
    command->add_option("--tenant", words_.tenant_option, "the tenant's name")->type_name("NAME");
  }
  void AddChangeFlags(CLI::App* command) {
    command->add_flag("--validate-only", words_.validate_only,
                      "decide and explain, change nothing");
  }
  void AddRestartFlag(CLI::App* command) {
    command->add_flag("--restart", words_.restart, "restart the primary now if it needs it");
  }

  Words words_;
  CLI::App app_;
};

absl::StatusOr<Command> TenantAdd(const Words& words) {
  v1::CreateTenantRequest request;
  request.set_name(words.tenant_name);
  request.set_primary(words.primary);
  request.set_restart_primary(words.restart);
  request.set_validate_only(words.validate_only);
  v1::Resources& limits = *request.mutable_limits();
  FLATVM_ASSIGN_OR_RETURN(const uint32_t memory_mib, base::ParseSizeMib("--memory", words.memory));
  FLATVM_ASSIGN_OR_RETURN(const uint32_t vcpus, ParseCount("--vcpus", words.vcpus));
  FLATVM_ASSIGN_OR_RETURN(const uint32_t vms, ParseCount("--vms", words.vms));
  FLATVM_ASSIGN_OR_RETURN(const uint32_t disk_mib, base::ParseSizeMib("--disk", words.disk));
  limits.set_memory_mib(memory_mib);
  limits.set_vcpus(vcpus);
  limits.set_vms(vms);
  limits.set_disk_mib(disk_mib);
  return request;
}

Command TenantRemove(const Words& words) {
  v1::RemoveTenantRequest request;
  request.set_name(words.tenant_name);
  request.set_destroy_secondaries(words.destroy_secondaries);
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

absl::StatusOr<Command> CommandOf(const Grammar& grammar) {
  const Words& words = grammar.words();
  if (grammar.Got(grammar.tenant_add)) return TenantAdd(words);
  if (grammar.Got(grammar.tenant_remove)) return TenantRemove(words);
  if (grammar.Got(grammar.tenant_list)) return v1::ListTenantsRequest();
  if (grammar.Got(grammar.tenant_show)) {
    v1::ShowTenantRequest request;
    request.set_name(words.tenant_name);
    return request;
  }
  if (grammar.Got(grammar.list)) {
    v1::ListAllVmsRequest request;
    request.set_tenant(words.tenant_option);
    return request;
  }
  if (grammar.Got(grammar.show)) return VmShow(words);
  return VmDestroy(words);
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
  Grammar grammar;
  FLATVM_ASSIGN_OR_RETURN(const std::optional<PrintAndExit> print, grammar.Parse(args));
  if (print.has_value()) return *print;
  const Words& words = grammar.words();
  Invocation invocation;
  if (!words.socket.empty()) invocation.socket_path = words.socket;
  if (words.json) invocation.format = OutputFormat::kJson;
  if (!words.timeout.empty()) {
    FLATVM_ASSIGN_OR_RETURN(const uint32_t timeout_ms,
                            base::ParseDurationMs("--timeout", words.timeout));
    if (timeout_ms == 0) return FieldError(Reason::kFieldOutOfRange, "--timeout", "must not be 0");
    invocation.timeout = std::chrono::milliseconds(timeout_ms);
  }
  FLATVM_ASSIGN_OR_RETURN(invocation.command, CommandOf(grammar));
  return invocation;
}

}  // namespace flatvm::ctl
