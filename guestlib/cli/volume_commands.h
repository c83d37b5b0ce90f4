// flatvm volume: what each of its commands does.
#pragma once

#include "guestlib/cli/answers.h"
#include "guestlib/cli/command_line.h"
#include "guestlib/cli/host_service.h"
#include "guestlib/cli/mounted_disk.h"

namespace flatvm::cli {

// Carries `command` out and returns the exit code. A detach is refused here, with
// FAILED_PRECONDITION / kPrimaryKeepsDisk, while `find_mount` finds the disk mounted, unless it is
// forced.
int RunVolumeCommand(const VolumeCommand& command, HostService& service,
                     const MountFinder& find_mount, const Answers& answers);

}  // namespace flatvm::cli
