// `flatvmctl image …` carried out: on the catalog's files themselves, and with flatvmd asked only
// whether an image is in use.
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "daemon/ctl/admin_client.h"
#include "daemon/ctl/command_line.h"
#include "daemon/ctl/image_command.h"

namespace flatvm::ctl {

// Told what takes a while, such as "copying disk.raw", before it begins. May be empty.
using ProgressFn = std::function<void(const std::string& what)>;

struct ImageSurroundings {
  OutputFormat format;
  std::ostream& out;
  AdminClient& client;
  ProgressFn progress;
};

// Prints the answer to `out`. An error may follow an answer: what `image verify` found wrong.
// Blocks on the disk, for as long as copying and reading images takes.
absl::Status RunImageCommand(const ImageCommand& command, const ImageSurroundings& surroundings);

}  // namespace flatvm::ctl
