#include "guestlib/cli/command_line.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "CLI/CLI.hpp"
#include "daemon/base/error.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "guestlib/cli/help_text.h"

namespace flatvm::cli {
namespace {

// Every option as it was written; what a word means is decided after CLI11, whose own number
// conversion takes "010" for eight.
struct Words {
  std::string port;
  std::string timeout;
  bool json = false;
  std::string name;
  std::string image;
  std::string memory;
  std::string vcpus;
  std::string disk;
  std::string request_id;
  bool validate_only = false;
  std::string vm;
  std::vector<std::string> vms;
};

Error UsageError(Reason reason, std::string message, std::string field = "") {
  return {.code = Code::kInvalidArgument,
          .reason = reason,
          .message = std::move(message),
          .field = std::move(field)};
}

// The daemon's parsers speak absl::Status; numbers of reasons are the same.
Error FromStatus(const absl::Status& status) {
  const base::ErrorInfo info = base::GetErrorInfo(status);
  return UsageError(static_cast<Reason>(info.reason), std::string(base::Message(status)),
                    info.field);
}

Result<uint32_t> ParseCount(const std::string& option, const std::string& text) {
  uint32_t count = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error == std::errc::result_out_of_range && rest == end) {
    return UsageError(Reason::kFieldOutOfRange, option + ": is too large", option);
  }
  if (error == std::errc() && rest == end) return count;
  return UsageError(Reason::kFieldMalformed,
                    base::StrCat(option, ": must be a whole number, such as 1, not \"",
                                 base::EscapeForLog(text, 40), "\""),
                    option);
}

Result<uint32_t> ParseSize(const char* option, const std::string& text) {
  const absl::StatusOr<uint32_t> size_mib = base::ParseSizeMib(option, text);
  if (!size_mib.ok()) return FromStatus(size_mib.status());
  return *size_mib;
}

// The CLI11 application: which words there are.
class Grammar {
 public:
  Grammar() : app_("Sibling VMs of this VM, from its host.", "flatvm") {
    app_.fallthrough();  // --json and its like may stand anywhere
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(28);
    app_.set_version_flag("--version", "flatvm " FLATVM_VERSION);
    app_.add_option("--timeout", words_.timeout, "give up after this long [90s]")
        ->type_name("TIME");
    app_.add_flag("--json", words_.json, "answers and errors as JSON");
    app_.add_option("--port", words_.port)->type_name("PORT")->group("");  // for tests and trials
    AddCreate();
    destroy = app_.add_subcommand("destroy", "kill VMs and give back what they held");
    destroy->add_option("VM", words_.vms, "names or ids")->required()->type_name("");
    AddValidateOnly(destroy);
    show = app_.add_subcommand("show", "one VM");
    show->add_option("VM", words_.vm, "name or id")->required()->type_name("");
    list = app_.add_subcommand("list", "all VMs of this tenant");
    tenant = app_.add_subcommand("tenant", "limits, and what is used of them");
    app_.footer(kHelpFooter);
  }
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  // nullopt: parsed; else what to print and exit 0. CLI11 throws; nothing gets past here.
  Result<std::optional<PrintAndExit>> Parse(std::vector<std::string> args) {
    try {
      std::reverse(args.begin(), args.end());  // CLI11 takes them from the back
      app_.parse(std::move(args));
      return std::optional<PrintAndExit>();
    } catch (const CLI::CallForHelp&) {
      return std::optional(PrintAndExit{app_.help()});
    } catch (const CLI::CallForVersion& version) {
      return std::optional(PrintAndExit{base::StrCat(version.what(), "\n")});
    } catch (const CLI::RequiredError& error) {
      if (app_.get_subcommands().empty()) return NoCommand();
      return UsageError(Reason::kFieldMissing, base::StrCat(error.what(), kSeeHelp));
    } catch (const CLI::Error& error) {
      return UsageError(Reason::kFieldMalformed, base::StrCat(error.what(), kSeeHelp));
    }
  }

  const Words& words() const { return words_; }

  CLI::App* create = nullptr;
  CLI::App* destroy = nullptr;
  CLI::App* show = nullptr;
  CLI::App* list = nullptr;
  CLI::App* tenant = nullptr;

 private:
  static constexpr const char* kSeeHelp = "; see flatvm --help";

  // CLI11 would only say that one is required.
  Error NoCommand() const {
    const std::vector<std::string> unknown = app_.remaining();
    if (unknown.empty()) {
      return UsageError(Reason::kFieldMissing, base::StrCat("a command is required", kSeeHelp));
    }
    const std::string word = base::EscapeForLog(unknown.front(), 40);
    return UsageError(Reason::kFieldMalformed,
                      base::StrCat("there is no command \"", word, "\"", kSeeHelp));
  }

  void AddCreate() {
    create = app_.add_subcommand("create", "boot a VM beside this one");
    create->add_option("NAME", words_.name, "its name")->required()->type_name("");
    create->add_option("--image", words_.image, "a catalog image of the host")
        ->required()
        ->type_name("NAME");
    create->add_option("--memory", words_.memory, "memory of its guest")
        ->required()
        ->type_name("SIZE");
    create->add_option("--vcpus", words_.vcpus, "virtual CPUs")->required()->type_name("COUNT");
    create->add_option("--disk", words_.disk, "size of its disk [the image's own]")
        ->type_name("SIZE");
    create->add_option("--request-id", words_.request_id, "the same id never makes a second VM")
        ->type_name("ID");
    AddValidateOnly(create);
  }

  void AddValidateOnly(CLI::App* command) {
    command->add_flag("--validate-only", words_.validate_only,
                      "decide and explain, change nothing");
  }

  Words words_;
  CLI::App app_;
};

Result<Command> Create(const Words& words) {
  CreateCommand command{
      .spec = {.name = words.name, .image = words.image},
      .call = {.request_id = words.request_id, .validate_only = words.validate_only}};
  const Result<uint32_t> memory_mib = ParseSize("--memory", words.memory);
  if (!memory_mib.ok()) return memory_mib.error();
  command.spec.memory_mib = *memory_mib;
  const Result<uint32_t> vcpus = ParseCount("--vcpus", words.vcpus);
  if (!vcpus.ok()) return vcpus.error();
  command.spec.vcpus = *vcpus;
  if (!words.disk.empty()) {
    const Result<uint32_t> disk_mib = ParseSize("--disk", words.disk);
    if (!disk_mib.ok()) return disk_mib.error();
    command.spec.disk_mib = *disk_mib;
  }
  return Command(std::move(command));
}

Result<Command> CommandOf(const Grammar& grammar) {
  const Words& words = grammar.words();
  if (grammar.create->parsed()) return Create(words);
  if (grammar.destroy->parsed()) {
    return Command(
        DestroyCommand{.vms = words.vms, .call = {.validate_only = words.validate_only}});
  }
  if (grammar.show->parsed()) return Command(ShowCommand{.vm = words.vm});
  if (grammar.list->parsed()) return Command(ListCommand{});
  return Command(TenantCommand{});
}

Result<ClientOptions> ClientOptionsOf(const Words& words) {
  ClientOptions options;
  if (!words.timeout.empty()) {
    const absl::StatusOr<uint32_t> timeout_ms = base::ParseDurationMs("--timeout", words.timeout);
    if (!timeout_ms.ok()) return FromStatus(timeout_ms.status());
    if (*timeout_ms == 0) {
      return UsageError(Reason::kFieldOutOfRange, "--timeout: must not be 0", "--timeout");
    }
    options.call_timeout = std::chrono::milliseconds(*timeout_ms);
  }
  if (!words.port.empty()) {
    const Result<uint32_t> port = ParseCount("--port", words.port);
    if (!port.ok()) return port.error();
    if (*port == std::numeric_limits<uint32_t>::max()) {  // VMADDR_PORT_ANY
      return UsageError(Reason::kFieldOutOfRange, "--port: is no port", "--port");
    }
    options.port = *port;
  }
  return options;
}

}  // namespace

OutputFormat FormatFor(const std::vector<std::string>& args) {
  const bool json = std::find(args.begin(), args.end(), "--json") != args.end();
  return json ? OutputFormat::kJson : OutputFormat::kText;
}

Result<std::variant<Invocation, PrintAndExit>> ParseCommandLine(
    const std::vector<std::string>& args) {
  using Parsed = std::variant<Invocation, PrintAndExit>;
  Grammar grammar;
  const Result<std::optional<PrintAndExit>> print = grammar.Parse(args);
  if (!print.ok()) return print.error();
  if (print->has_value()) return Parsed(**print);
  Result<ClientOptions> client = ClientOptionsOf(grammar.words());
  if (!client.ok()) return std::move(client).error();
  Result<Command> command = CommandOf(grammar);
  if (!command.ok()) return std::move(command).error();
  return Parsed(
      Invocation{.client = *client,
                 .format = grammar.words().json ? OutputFormat::kJson : OutputFormat::kText,
                 .command = *std::move(command)});
}

}  // namespace flatvm::cli
