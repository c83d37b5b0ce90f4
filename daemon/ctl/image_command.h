// `flatvmctl image …`: what its words mean. Knows nothing of the catalog's directory or of output.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/ctl/grammar.h"
#include "storage/new_image.h"

namespace flatvm::ctl {

struct AddImage {
  std::string name;
  storage::NewImage image;
  bool validate_only = false;
};

// The catalog's; or own ones, of all tenants or of one.
struct ListImages {
  bool own = false;
  std::string tenant;  // of own ones; empty: all
};

struct RemoveImage {
  std::string name;
  bool force = false;
  bool validate_only = false;
};

struct VerifyImages {
  std::vector<std::string> names;  // empty: all
};

struct ImageCommand {
  std::string catalog_dir;  // empty: as the configuration says
  std::string config_path;  // empty: the usual one, which need not be there
  std::variant<AddImage, ListImages, RemoveImage, VerifyImages> action;
};

// `words.command` is one of images. Errors: INVALID_ARGUMENT naming the option, or "NAME".
absl::StatusOr<ImageCommand> ParseImageCommand(const Words& words);

// An error that names one of a new image's fields, or the catalog, as one that names the option.
absl::Status NamingOption(const absl::Status& status);

}  // namespace flatvm::ctl
