#include "guestlib/cli/volume_commands.h"

#include <optional>
#include <utility>
#include <variant>

#include "daemon/base/str_cat.h"
#include "guestlib/cli/render_text.h"
#include "guestlib/cli/render_volume.h"

namespace flatvm::cli {
namespace {

using base::StrCat;

constexpr const char* kThisVm = "primary";  // in Volume::attached_to

// An operator() for each command.
class VolumeRunner {
 public:
  VolumeRunner(HostService& service, const MountFinder& find_mount, const Answers& answers)
      : service_(service), find_mount_(find_mount), answers_(answers) {}

  int operator()(const CreateVolumeCommand& command) const {
    const Result<Volume> volume = service_.CreateVolume(command.spec, command.call);
    return Answer(volume, [&] {
      return command.call.validate_only ? WouldCreateVolumeLine(*volume, command.spec.clone_of)
                                        : CreatedVolumeLine(*volume);
    });
  }

  int operator()(const AttachVolumeCommand& command) const {
    const Result<Volume> volume = service_.AttachVolume(command.volume, command.call);
    return Answer(volume, [&] {
      return command.call.validate_only ? VolumeLine("would attach ", *volume)
                                        : DeviceLine(*volume);
    });
  }

  int operator()(const DetachVolumeCommand& command) const {
    if (command.while_mounted == WhileMounted::kRefuse) {
      const std::optional<Error> refused = RefuseMounted(command.volume);
      if (refused.has_value()) return answers_.Fail(*refused);
    }
    const Result<Volume> volume = service_.DetachVolume(command.volume, command.call);
    return Answer(volume, [&] {
      return VolumeLine(command.call.validate_only ? "would detach " : "detached ", *volume);
    });
  }

  int operator()(const ResizeVolumeCommand& command) const {
    const Result<Volume> volume =
        service_.ResizeVolume(command.volume, command.size_mib, command.call);
    return Answer(volume, [&] {
      return ResizedLine(command.call.validate_only ? "would resize " : "resized ", *volume);
    });
  }

  int operator()(const DeleteVolumesCommand& command) const {
    const bool would = command.call.validate_only;
    const char* verb = command.call.return_disk ? (would ? "would return " : "returned ")
                       : would                  ? "would delete "
                                                : "deleted ";
    return answers_.RemoveEach(
        command.volumes,
        [&](const std::string& volume) { return service_.DeleteVolume(volume, command.call); },
        [&](const Volume& volume) { return RemovedLine(verb, volume.name, volume.id); },
        &VolumeJson, &VolumeListJson);
  }

  int operator()(const ListVolumesCommand& /*command*/) const {
    const Result<std::vector<Volume>> volumes = service_.ListVolumes();
    if (!volumes.ok()) return answers_.Fail(volumes.error());
    return answers_.Print(answers_.json() ? DumpJson(VolumeListJson(*volumes))
                                          : VolumeTable(*volumes));
  }

  int operator()(const ShowVolumeCommand& command) const {
    const Result<Volume> volume = service_.ShowVolume(command.volume);
    return Answer(volume, [&] { return VolumeDetails(*volume); });
  }

 private:
  template <typename Text>
  int Answer(const Result<Volume>& volume, const Text& text) const {
    if (!volume.ok()) return answers_.Fail(volume.error());
    return answers_.Print(answers_.json() ? DumpJson(VolumeJson(*volume)) : text());
  }

  // The kernel of this VM would let go of a mounted disk, and what was not yet written would be
  // lost: it is this side that has to look. nullopt: as far as is known, it is not mounted.
  std::optional<Error> RefuseMounted(const std::string& name_or_id) const {
    const Result<Volume> volume = service_.ShowVolume(name_or_id);
    if (!volume.ok()) return volume.error();
    if (volume->attached_to != kThisVm) return std::nullopt;
    const Result<std::string> mount_point = find_mount_(volume->serial);
    if (!mount_point.ok()) return mount_point.error();
    if (mount_point->empty()) return std::nullopt;
    return Error{
        .code = Code::kFailedPrecondition,
        .reason = Reason::kPrimaryKeepsDisk,
        .message = StrCat("volume ", volume->name, " is mounted in this VM, on ", *mount_point,
                          ": unmount it, or --force and lose what is not "
                          "yet written"),
        .field = "volume"};
  }

  HostService& service_;
  const MountFinder& find_mount_;
  const Answers& answers_;
};

}  // namespace

int RunVolumeCommand(const VolumeCommand& command, HostService& service,
                     const MountFinder& find_mount, const Answers& answers) {
  return std::visit(VolumeRunner(service, find_mount, answers), command);
}

}  // namespace flatvm::cli
