#include "guestlib/cli/command_line.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "daemon/base/str_cat.h"
#include "guestlib/cli/option_values.h"

namespace flatvm::cli {
namespace {

// The host's bounds, too; here they are usage errors, as other mistakes about disks are.
constexpr size_t kMaxDataVolumes = 8;
constexpr size_t kMaxNetworks = 3;

CallOptions CallOf(const Words& words) {
  return {.request_id = words.request_id,
          .validate_only = words.validate_only,
          .return_disk = words.return_disk};
}

Error NoPath() {
  return UsageError(Reason::kFieldMalformed, "--from-disk: must be a path on the quota disk",
                    "--from-disk");
}

// The part of a spec that says what a secondary boots from, in one way, and its further disks.
Result<VmSpec> Disks(const Words& words) {
  const int given = int{words.image.has_value()} + int{words.volume.has_value()} +
                    int{words.from_disk.has_value()};
  if (given == 0) {
    return UsageError(Reason::kFieldMissing, "--image, --volume or --from-disk is required",
                      "--image");
  }
  if (given > 1) {
    return UsageError(Reason::kFieldMalformed,
                      "--image, --volume and --from-disk exclude each other: a VM boots from one",
                      words.from_disk.has_value() ? "--from-disk" : "--volume");
  }
  if (words.from_disk == "") return NoPath();
  if (words.data_volumes.size() > kMaxDataVolumes) {
    return UsageError(Reason::kFieldOutOfRange,
                      base::StrCat("--data-volume: at most ", kMaxDataVolumes), "--data-volume");
  }
  return VmSpec{.image = words.image.value_or(""),
                .volume = words.volume.value_or(""),
                .data_volumes = words.data_volumes,
                .from_quota_disk = words.from_disk.value_or("")};
}

Result<Command> Create(const Words& words) {
  Result<VmSpec> spec = Disks(words);
  if (!spec.ok()) return std::move(spec).error();
  spec->name = words.name;
  if (words.networks.size() > kMaxNetworks) {
    return UsageError(Reason::kFieldOutOfRange, base::StrCat("--network: at most ", kMaxNetworks),
                      "--network");
  }
  spec->networks = words.networks;
  const Result<uint32_t> memory_mib = ParseSize("--memory", words.memory);
  if (!memory_mib.ok()) return memory_mib.error();
  spec->memory_mib = *memory_mib;
  const Result<uint32_t> vcpus = ParseCount("--vcpus", words.vcpus);
  if (!vcpus.ok()) return vcpus.error();
  spec->vcpus = *vcpus;
  if (!words.disk.empty()) {
    const Result<uint32_t> disk_mib = ParseSize("--disk", words.disk);
    if (!disk_mib.ok()) return disk_mib.error();
    spec->disk_mib = *disk_mib;
  }
  return Command(CreateCommand{.spec = *std::move(spec), .call = CallOf(words)});
}

// Makes a volume of `words.size`, or one of its source's size where that is not given.
Result<Command> CreateVolume(const Words& words) {
  if (words.from_disk == "") return NoPath();
  VolumeSpec spec{.name = words.name,
                  .clone_of = words.source,
                  .from_quota_disk = words.from_disk.value_or("")};
  if (words.from_disk && words.size) {
    return UsageError(Reason::kFieldMalformed, "--size: an image's volume is as large as the image",
                      "--size");
  }
  if (words.command == CommandWord::kVolumeCreate && !words.from_disk && !words.size) {
    return UsageError(Reason::kFieldMissing, "--size or --from-disk is required", "--size");
  }
  if (words.size) {
    const Result<uint32_t> size_mib = ParseSize("--size", *words.size);
    if (!size_mib.ok()) return size_mib.error();
    spec.size_mib = *size_mib;
  }
  return Command(
      VolumeCommand(CreateVolumeCommand{.spec = std::move(spec), .call = CallOf(words)}));
}

Result<Command> ResizeVolume(const Words& words) {
  if (!words.size) return UsageError(Reason::kFieldMissing, "--size is required", "--size");
  const Result<uint32_t> size_mib = ParseSize("--size", *words.size);
  if (!size_mib.ok()) return size_mib.error();
  return Command(VolumeCommand(
      ResizeVolumeCommand{.volume = words.subject, .size_mib = *size_mib, .call = CallOf(words)}));
}

Result<Command> ImportImage(const Words& words) {
  ImportSpec spec{.name = words.name, .path = words.file};
  if (spec.path.empty()) {
    return UsageError(Reason::kFieldMalformed, "FILE: must not be empty", "FILE");
  }
  if (spec.name.empty()) {
    Result<std::string> name = ImageNameFor(spec.path);
    if (!name.ok()) return std::move(name).error();
    spec.name = *std::move(name);
  }
  const Result<ImageFormat> format = ParseImageFormat(words.format, spec.path);
  if (!format.ok()) return format.error();
  spec.format = *format;
  return Command(ImageCommand(ImportImageCommand{.spec = std::move(spec), .call = CallOf(words)}));
}

Result<Command> CommandOf(const Words& words) {
  switch (words.command) {
    case CommandWord::kCreate:
      return Create(words);
    case CommandWord::kDestroy:
      return Command(DestroyCommand{.vms = words.subjects, .call = CallOf(words)});
    case CommandWord::kShow:
      return Command(ShowCommand{.vm = words.subject});
    case CommandWord::kList:
      return Command(ListCommand{});
    case CommandWord::kTenant:
      return Command(TenantCommand{});
    case CommandWord::kVolumeCreate:
    case CommandWord::kVolumeClone:
      return CreateVolume(words);
    case CommandWord::kVolumeAttach:
      return Command(
          VolumeCommand(AttachVolumeCommand{.volume = words.subject, .call = CallOf(words)}));
    case CommandWord::kVolumeDetach:
      return Command(VolumeCommand(DetachVolumeCommand{
          .volume = words.subject,
          .while_mounted = words.force ? WhileMounted::kForce : WhileMounted::kRefuse,
          .call = CallOf(words)}));
    case CommandWord::kVolumeResize:
      return ResizeVolume(words);
    case CommandWord::kVolumeDelete:
      return Command(
          VolumeCommand(DeleteVolumesCommand{.volumes = words.subjects, .call = CallOf(words)}));
    case CommandWord::kVolumeList:
      return Command(VolumeCommand(ListVolumesCommand{}));
    case CommandWord::kVolumeShow:
      return Command(VolumeCommand(ShowVolumeCommand{.volume = words.subject}));
    case CommandWord::kImageImport:
      return ImportImage(words);
    case CommandWord::kImageRemove:
      return Command(
          ImageCommand(RemoveImagesCommand{.images = words.subjects, .call = CallOf(words)}));
    case CommandWord::kImageList:
      return Command(ImageCommand(ListImagesCommand{}));
  }
  return UsageError(Reason::kFieldMissing, "a command is required");
}

Result<ClientOptions> ClientOptionsOf(const Words& words) {
  ClientOptions options;
  if (!words.timeout.empty()) {
    const Result<std::chrono::milliseconds> timeout = ParseTimeout("--timeout", words.timeout);
    if (!timeout.ok()) return timeout.error();
    options.call_timeout = *timeout;
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
  const Result<std::variant<Words, PrintAndExit>> parsed = ParseWords(args);
  if (!parsed.ok()) return parsed.error();
  if (const auto* print = std::get_if<PrintAndExit>(&*parsed); print != nullptr) {
    return Parsed(*print);
  }
  const Words& words = std::get<Words>(*parsed);
  Result<ClientOptions> client = ClientOptionsOf(words);
  if (!client.ok()) return std::move(client).error();
  Result<Command> command = CommandOf(words);
  if (!command.ok()) return std::move(command).error();
  return Parsed(Invocation{.client = *client,
                           .format = words.json ? OutputFormat::kJson : OutputFormat::kText,
                           .command = *std::move(command)});
}

}  // namespace flatvm::cli
