// flatvm image: what each of its commands does.
#pragma once

#include "guestlib/cli/answers.h"
#include "guestlib/cli/command_line.h"
#include "guestlib/cli/host_service.h"
#include "guestlib/cli/import_meter.h"

namespace flatvm::cli {

// Carries `command` out and returns the exit code. `meter` shows how far an import is.
int RunImageCommand(const ImageCommand& command, HostService& service, ImportMeter& meter,
                    const Answers& answers);

}  // namespace flatvm::cli
