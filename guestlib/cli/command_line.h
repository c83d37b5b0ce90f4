// The command line: words to what is to be done. Knows nothing of the host or of output.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "flatvm/client.h"

namespace flatvm::cli {

enum class OutputFormat { kText, kJson };

struct CreateCommand {
  VmSpec spec;
  CallOptions call;
};

struct DestroyCommand {
  std::vector<std::string> vms;  // names or ids; one at least
  CallOptions call;
};

struct ShowCommand {
  std::string vm;  // name or id
};

struct ListCommand {};

struct TenantCommand {};

using Command =
    std::variant<CreateCommand, DestroyCommand, ShowCommand, ListCommand, TenantCommand>;

struct Invocation {
  ClientOptions client;
  OutputFormat format = OutputFormat::kText;
  Command command;
};

// --help or --version: print this and be done.
struct PrintAndExit {
  std::string text;
};

// `args` without the program's name. Names, ids and ranges are the host's to check. Errors:
// INVALID_ARGUMENT with kFieldMissing, kFieldMalformed or kFieldOutOfRange and the option as field,
// where one is at fault.
Result<std::variant<Invocation, PrintAndExit>> ParseCommandLine(
    const std::vector<std::string>& args);

// How errors go out: asked of the words alone, as they may not parse.
OutputFormat FormatFor(const std::vector<std::string>& args);

}  // namespace flatvm::cli
