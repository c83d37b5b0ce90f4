// The operator's images: one directory each below the catalog's, holding image.json and the files
// that it names.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/tenant_storage.h"

namespace flatvm::storage {

// Immutable; reads the disk at every call, so that the operator's changes count at once.
class Catalog {
 public:
  // `directory` is absolute.
  explicit Catalog(std::string directory) : directory_(std::move(directory)) {}

  // Files are opened beneath the image's directory, through no symlink, and must be regular; a
  // disk's virtual size is the file's (raw) or its checked header's (qcow2). Errors:
  // INVALID_ARGUMENT naming "spec.image" unless `name` is a name; NOT_FOUND / kImageNotFound;
  // FAILED_PRECONDITION / kImageUnusable, public text; INTERNAL. Blocks on the disk.
  absl::StatusOr<CatalogImage> GetImage(const std::string& name) const;

  // By name, without those that cannot be used. Errors: INTERNAL. Blocks on the disk.
  absl::StatusOr<std::vector<CatalogImage>> ListImages() const;

 private:
  const std::string directory_;
};

}  // namespace flatvm::storage
