#include "storage/catalog.h"

#include <fcntl.h>

#include <cerrno>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"
#include "storage/image_file.h"
#include "storage/image_manifest.h"
#include "storage/open_beneath.h"

namespace flatvm::storage {
namespace {

// The image as its directory shows it; error texts begin with the JSON path.
absl::StatusOr<CatalogImage> Describe(int directory, const std::string& path,
                                      const ImageManifest& manifest) {
  CatalogImage image{.description = manifest.description,
                     .min_memory_mib = manifest.min_memory_mib};
  if (!manifest.kernel.empty()) {
    const absl::StatusOr<ImageFile> kernel = OpenImageFile(directory, manifest.kernel);
    if (!kernel.ok()) return base::WithContext(kernel.status(), "kernel");
    image.kernel = ImageKernel{.kernel_path = base::StrCat(path, "/", manifest.kernel),
                               .cmdline = manifest.cmdline};
  }
  if (!manifest.initrd.empty()) {
    const absl::StatusOr<ImageFile> initrd = OpenImageFile(directory, manifest.initrd);
    if (!initrd.ok()) return base::WithContext(initrd.status(), "initrd");
    image.kernel->initrd_path = base::StrCat(path, "/", manifest.initrd);
  }
  if (manifest.disk.has_value()) {
    const absl::StatusOr<ImageFile> file = OpenImageFile(directory, manifest.disk->file);
    if (!file.ok()) return base::WithContext(file.status(), "disk.file");
    const absl::StatusOr<uint64_t> size_bytes = ReadVirtualSize(*file, manifest.disk->format);
    if (!size_bytes.ok()) return base::WithContext(size_bytes.status(), "disk.file");
    image.disk = ImageDisk{.path = base::StrCat(path, "/", manifest.disk->file),
                           .format = manifest.disk->format,
                           .size_mib = VirtualSizeMib(*size_bytes)};
    const auto digest = manifest.sha256.find(manifest.disk->file);
    if (digest != manifest.sha256.end()) image.disk->sha256 = digest->second;
  }
  return image;
}

}  // namespace

absl::StatusOr<CatalogImage> Catalog::GetImage(const std::string& name) const {
  FLATVM_RETURN_IF_ERROR(base::CheckName("spec.image", name));
  const base::UniqueFd catalog(::open(directory_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!catalog.valid()) return base::ErrnoError(errno, base::StrCat("open ", directory_));
  const base::UniqueFd directory = OpenBeneath(catalog.get(), name, O_RDONLY | O_DIRECTORY);
  const std::string called = base::StrCat("image \"", name, "\"");
  if (!directory.valid()) {
    // Resolving a symlink is refused with ELOOP: to the catalog it is no image.
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
      return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kImageNotFound,
                             called + " is not in the catalog");
    }
    return base::ErrnoError(errno, base::StrCat("open ", directory_, "/", name));
  }
  const std::string context = base::StrCat(called, ": ", kManifestName);
  const absl::StatusOr<ImageManifest> manifest = ReadManifest(directory.get());
  if (!manifest.ok()) return base::WithContext(manifest.status(), context);
  absl::StatusOr<CatalogImage> image =
      Describe(directory.get(), base::StrCat(directory_, "/", name), *manifest);
  if (!image.ok()) return base::WithContext(image.status(), context);
  image->name = name;
  return image;
}

absl::StatusOr<std::vector<CatalogImage>> Catalog::ListImages() const {
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> names, base::ListDirectory(directory_));
  std::vector<CatalogImage> images;
  for (const std::string& name : names) {
    if (!base::IsName(name)) continue;
    absl::StatusOr<CatalogImage> image = GetImage(name);
    // What is wrong with the others is the operator's to see.
    if (image.ok()) images.push_back(*std::move(image));
  }
  return images;
}

}  // namespace flatvm::storage
