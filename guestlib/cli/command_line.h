// The command line: words to what is to be done. Knows nothing of the host or of output.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "flatvm/client.h"
#include "guestlib/cli/grammar.h"

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

struct CreateVolumeCommand {
  VolumeSpec spec;
  CallOptions call;
};

struct AttachVolumeCommand {
  std::string volume;  // name or id
  CallOptions call;
};

enum class WhileMounted { kRefuse, kForce };

struct DetachVolumeCommand {
  std::string volume;  // name or id
  WhileMounted while_mounted = WhileMounted::kRefuse;
  CallOptions call;
};

struct ResizeVolumeCommand {
  std::string volume;  // name or id
  uint32_t size_mib = 0;
  CallOptions call;
};

struct DeleteVolumesCommand {
  std::vector<std::string> volumes;  // names or ids; one at least
  CallOptions call;
};

struct ListVolumesCommand {};

struct ShowVolumeCommand {
  std::string volume;  // name or id
};

using VolumeCommand =
    std::variant<CreateVolumeCommand, AttachVolumeCommand, DetachVolumeCommand, ResizeVolumeCommand,
                 DeleteVolumesCommand, ListVolumesCommand, ShowVolumeCommand>;

struct ImportImageCommand {
  ImportSpec spec;
  CallOptions call;
};

struct RemoveImagesCommand {
  std::vector<std::string> images;  // names or ids; one at least
  CallOptions call;
};

struct ListImagesCommand {};

using ImageCommand = std::variant<ImportImageCommand, RemoveImagesCommand, ListImagesCommand>;

using Command = std::variant<CreateCommand, DestroyCommand, ShowCommand, ListCommand, TenantCommand,
                             VolumeCommand, ImageCommand>;

struct Invocation {
  ClientOptions client;
  OutputFormat format = OutputFormat::kText;
  Command command;
};

// `args` without the program's name. Names, ids and ranges are the host's to check. Errors:
// INVALID_ARGUMENT with kFieldMissing, kFieldMalformed or kFieldOutOfRange and the option as field,
// where one is at fault.
Result<std::variant<Invocation, PrintAndExit>> ParseCommandLine(
    const std::vector<std::string>& args);

// How errors go out: asked of the words alone, as they may not parse.
OutputFormat FormatFor(const std::vector<std::string>& args);

}  // namespace flatvm::cli
