// The grammar of the command line: which words there are. What a word means is decided elsewhere.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace flatvm::ctl {

enum class CommandWord {
  kTenantAdd,
  kTenantSet,
  kTenantRemove,
  kTenantList,
  kTenantShow,
  kNetworkAdd,
  kNetworkRemove,
  kNetworkList,
  kList,
  kShow,
  kDestroy,
  kVolumeList,
  kImageAdd,
  kImageList,
  kImageRemove,
  kImageVerify,
  kCheck,
};

// A tenant's limits as they were written. Absent: not given, which an empty word is not.
struct LimitWords {
  std::optional<std::string> memory;
  std::optional<std::string> vcpus;
  std::optional<std::string> vms;
  std::optional<std::string> disk;
  std::optional<std::string> cpus;
  std::optional<std::string> read_bps;
  std::optional<std::string> write_bps;
  std::optional<std::string> read_iops;
  std::optional<std::string> write_iops;
  std::optional<std::string> carve;
  std::optional<std::string> primary_min_memory;
  std::optional<std::string> network;  // mode; of tenant network add, too
  std::optional<std::string> forward;
  std::optional<std::string> net_out_bps;
  std::optional<std::string> net_in_bps;
  std::optional<std::string> vm_net_out_bps;
  std::optional<std::string> vm_net_in_bps;
  std::optional<std::string> quota_disk;  // of tenant add only

  bool operator==(const LimitWords&) const = default;
};

// What is said of catalog images, as it was written. Absent: not given.
struct ImageWords {
  std::string name;
  std::vector<std::string> names;
  std::optional<std::string> disk;
  std::optional<std::string> format;
  std::optional<std::string> kernel;
  std::optional<std::string> initrd;
  std::optional<std::string> cmdline;
  std::optional<std::string> description;
  std::optional<std::string> min_memory;
  std::optional<std::string> catalog;
  std::optional<std::string> config;
  bool own = false;
};

// Every option as it was written: CLI11's own number conversion takes "010" for eight.
struct Words {
  CommandWord command = CommandWord::kList;
  std::string socket;
  std::string timeout;
  bool json = false;
  std::string tenant_name;
  std::string tenant_option;
  std::string network_name;
  std::optional<std::string> bridge;
  std::optional<std::string> vlan;
  std::string primary;
  LimitWords limits;
  ImageWords image;
  std::optional<std::string> check_config;
  bool force = false;
  bool restart = false;
  bool destroy_secondaries = false;
  bool delete_volumes = false;
  bool validate_only = false;
  std::vector<std::string> vm_words;
  std::string vm_word;
};

// --help or --version: print this and be done.
struct PrintAndExit {
  std::string text;
};

// `args` without the program's name. Errors: INVALID_ARGUMENT with kFieldMissing or
// kFieldMalformed.
absl::StatusOr<std::variant<Words, PrintAndExit>> ParseWords(std::vector<std::string> args);

}  // namespace flatvm::ctl
