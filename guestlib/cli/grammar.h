// The grammar of the command line: which words there are. What a word means is decided elsewhere.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "flatvm/result.h"

namespace flatvm::cli {

enum class CommandWord {
  kCreate,
  kDestroy,
  kShow,
  kList,
  kTenant,
  kVolumeCreate,
  kVolumeClone,
  kVolumeAttach,
  kVolumeDetach,
  kVolumeResize,
  kVolumeDelete,
  kVolumeList,
  kVolumeShow,
  kImageImport,
  kImageRemove,
  kImageList,
};

// Every option as it was written; what a word means is decided after CLI11, whose own number
// conversion takes "010" for eight. Absent: not given, which an empty word is not.
struct Words {
  CommandWord command = CommandWord::kList;
  std::string port;
  std::string timeout;
  bool json = false;

  std::string name;  // of what is to be made
  std::optional<std::string> image;
  std::optional<std::string> volume;
  std::vector<std::string> data_volumes;
  std::vector<std::string> networks;
  std::string memory;
  std::string vcpus;
  std::string disk;
  std::optional<std::string> size;
  std::string source;                    // the volume to clone
  std::optional<std::string> from_disk;  // path of an image on the quota disk
  std::string file;                      // the one to import
  std::optional<std::string> format;     // of it
  std::string subject;                   // name or id of the VM or volume that a command is about
  std::vector<std::string> subjects;     // of those or images, where it may be several

  std::string request_id;
  bool validate_only = false;
  bool force = false;
  bool return_disk = false;
};

// --help or --version: print this and be done.
struct PrintAndExit {
  std::string text;
};

// `args` without the program's name. Errors: INVALID_ARGUMENT with kFieldMissing or
// kFieldMalformed.
Result<std::variant<Words, PrintAndExit>> ParseWords(std::vector<std::string> args);

}  // namespace flatvm::cli
