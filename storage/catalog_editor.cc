#include "storage/catalog_editor.h"

#include <fcntl.h>
#include <stdio.h>  // renameat2
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "storage/catalog.h"
#include "storage/image_file.h"
#include "storage/image_manifest.h"
#include "storage/open_beneath.h"
#include "storage/sha256.h"
#include "storage/unusable_image.h"

namespace flatvm::storage {
namespace {

using base::Reason;

constexpr std::string_view kFreshSuffix = ".new";
constexpr std::string_view kRemovedSuffix = ".removed";
constexpr mode_t kDirectoryMode = 0755;  // QEMU's user reaches the files

std::string FreshName(const std::string& name) { return base::StrCat(name, kFreshSuffix); }
std::string RemovedName(const std::string& name) { return base::StrCat(name, kRemovedSuffix); }

// What a crash left, and the filesystem's own directory of a catalog that is a mount point.
bool IsNoImage(std::string_view entry) {
  for (const std::string_view suffix : {kFreshSuffix, kRemovedSuffix}) {
    if (entry.ends_with(suffix) && base::IsName(entry.substr(0, entry.size() - suffix.size()))) {
      return true;
    }
  }
  return entry == "lost+found";
}

absl::Status NoSuchImage(const std::string& name) {
  return base::MakeError(absl::StatusCode::kNotFound, Reason::kImageNotFound,
                         base::StrCat("image \"", name, "\" is not in the catalog"));
}

absl::Status ImageExists(const std::string& name) {
  return base::MakeError(
      absl::StatusCode::kAlreadyExists,
      base::ErrorInfo{.reason = Reason::kImageExists, .field = "name"},
      base::StrCat("image \"", name, "\" is in the catalog already; a new version is a new name"));
}

// A change of the directory failed.
absl::Status ChangeError(int error, std::string_view what) {
  if (error != EACCES && error != EPERM) return base::ErrnoError(error, what);
  return base::MakeError(absl::StatusCode::kPermissionDenied, Reason::kPolicyForbids,
                         "only root may change the catalog");
}

bool IsThere(int directory, const std::string& entry) {
  struct stat info {};
  return ::fstatat(directory, entry.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
}

bool IsDirectory(int directory, const std::string& entry) {
  struct stat info {};
  return ::fstatat(directory, entry.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(info.st_mode);
}

absl::Status Sync(int directory) {
  if (::fsync(directory) == 0) return absl::OkStatus();
  return base::ErrnoError(errno, "fsync the catalog");
}

ListedImage Summary(const std::string& name, const PreparedImage& image) {
  const ImageManifest& manifest = image.manifest;
  return {.name = name,
          .description = manifest.description,
          .kind = manifest.kernel.empty() ? ImageKind::kDisk : ImageKind::kKernel,
          .disk_mib = image.disk_mib,
          .min_memory_mib = manifest.min_memory_mib,
          .digests = Digests::kAll};
}

Digests DigestsOf(const ImageManifest& manifest) {
  if (manifest.sha256.empty()) return Digests::kNone;
  const std::vector<std::string> files = FilesOf(manifest);
  const bool all = std::all_of(files.begin(), files.end(), [&](const std::string& file) {
    return manifest.sha256.contains(file);
  });
  return all ? Digests::kAll : Digests::kSome;
}

// Without the name, which stands beside it.
std::string FaultOf(const std::string& name, const absl::Status& status) {
  const std::string_view text = base::Message(status);
  const std::string context = base::StrCat("image \"", name, "\": ");
  return std::string(text.starts_with(context) ? text.substr(context.size()) : text);
}

}  // namespace

std::string CatalogEditor::PathOf(const std::string& entry) const {
  return base::StrCat(directory_, "/", entry);
}

absl::StatusOr<base::UniqueFd> CatalogEditor::Open() const {
  base::UniqueFd catalog(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (catalog.valid()) return catalog;
  if (errno == ENOENT || errno == ENOTDIR) {
    return base::FieldError(Reason::kFieldMalformed, "catalog",
                            base::StrCat("there is no directory ", directory_));
  }
  return ChangeError(errno, base::StrCat("open ", directory_));
}

absl::StatusOr<base::UniqueFd> CatalogEditor::OpenLocked() const {
  FLATVM_ASSIGN_OR_RETURN(base::UniqueFd catalog, Open());
  if (::flock(catalog.get(), LOCK_EX | LOCK_NB) == 0) return catalog;
  if (errno != EWOULDBLOCK) return base::ErrnoError(errno, base::StrCat("lock ", directory_));
  return base::MakeError(absl::StatusCode::kAborted, Reason::kChangeInFlight,
                         "another change to the catalog is in flight; ask again when it is done");
}

absl::Status CatalogEditor::RemoveLeftovers(const std::string& name) const {
  FLATVM_RETURN_IF_ERROR(base::RemoveTree(PathOf(FreshName(name))));
  return base::RemoveTree(PathOf(RemovedName(name)));
}

absl::Status CatalogEditor::MakeFresh(int catalog, const std::string& fresh,
                                      const PreparedImage& image) const {
  if (::mkdirat(catalog, fresh.c_str(), kDirectoryMode) != 0) return ChangeError(errno, "mkdir");
  const base::UniqueFd directory = OpenBeneath(catalog, fresh, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  // mkdir leaves the mode to the umask.
  if (!directory.valid() || ::fchmod(directory.get(), kDirectoryMode) != 0) {
    return base::ErrnoError(errno, base::StrCat("open up ", fresh));
  }
  return WriteImage(directory.get(), image, step_);
}

absl::StatusOr<ListedImage> CatalogEditor::CheckAdd(const std::string& name,
                                                    const NewImage& image) const {
  FLATVM_RETURN_IF_ERROR(base::CheckName("name", name));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd catalog, Open());
  if (IsThere(catalog.get(), name)) return ImageExists(name);
  FLATVM_ASSIGN_OR_RETURN(const PreparedImage prepared, PrepareImage(image));
  return Summary(name, prepared);
}

absl::StatusOr<ListedImage> CatalogEditor::Add(const std::string& name,
                                               const NewImage& image) const {
  FLATVM_RETURN_IF_ERROR(base::CheckName("name", name));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd catalog, OpenLocked());
  if (IsThere(catalog.get(), name)) return ImageExists(name);
  FLATVM_ASSIGN_OR_RETURN(const PreparedImage prepared, PrepareImage(image));
  FLATVM_RETURN_IF_ERROR(RemoveLeftovers(name));
  const std::string fresh = FreshName(name);
  absl::Status status = MakeFresh(catalog.get(), fresh, prepared);
  if (status.ok() && ::renameat2(catalog.get(), fresh.c_str(), catalog.get(), name.c_str(),
                                 RENAME_NOREPLACE) != 0) {
    // By hand, as nobody else holds the lock.
    status = errno == EEXIST ? ImageExists(name) : base::ErrnoError(errno, "rename the image");
  }
  if (!status.ok()) {
    (void)base::RemoveTree(PathOf(fresh));  // what is left of it hinders nobody
    return status;
  }
  FLATVM_RETURN_IF_ERROR(Sync(catalog.get()));
  return Summary(name, prepared);
}

absl::Status CatalogEditor::CheckExists(const std::string& name) const {
  FLATVM_RETURN_IF_ERROR(base::CheckName("name", name));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd catalog, Open());
  return IsDirectory(catalog.get(), name) ? absl::OkStatus() : NoSuchImage(name);
}

absl::Status CatalogEditor::Remove(const std::string& name) const {
  FLATVM_RETURN_IF_ERROR(base::CheckName("name", name));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd catalog, OpenLocked());
  if (!IsDirectory(catalog.get(), name)) return NoSuchImage(name);
  FLATVM_RETURN_IF_ERROR(RemoveLeftovers(name));
  const std::string removed = RemovedName(name);
  if (::renameat2(catalog.get(), name.c_str(), catalog.get(), removed.c_str(), RENAME_NOREPLACE) !=
      0) {
    return ChangeError(errno, "rename the image");
  }
  FLATVM_RETURN_IF_ERROR(Sync(catalog.get()));
  FLATVM_RETURN_IF_ERROR(base::RemoveTree(PathOf(removed)));
  return Sync(catalog.get());
}

ListedImage CatalogEditor::Describe(int catalog, const std::string& name) const {
  ListedImage listed{.name = name};
  if (!base::IsName(name)) {
    listed.fault = "its name is not 1 to 40 of a-z, 0-9 and -, so that nobody can ask for it";
    return listed;
  }
  const absl::StatusOr<CatalogImage> image = Catalog(directory_).GetImage(name);
  const base::UniqueFd directory = OpenBeneath(catalog, name, O_RDONLY | O_DIRECTORY);
  const absl::StatusOr<ImageManifest> manifest = ReadManifest(directory.get());
  if (!image.ok() || !manifest.ok()) {
    listed.fault = FaultOf(name, image.ok() ? manifest.status() : image.status());
    return listed;
  }
  listed.description = image->description;
  listed.kind = image->kernel.has_value() ? ImageKind::kKernel : ImageKind::kDisk;
  listed.disk_mib = image->disk.has_value() ? image->disk->size_mib : 0;
  listed.min_memory_mib = image->min_memory_mib;
  listed.digests = DigestsOf(*manifest);
  return listed;
}

absl::StatusOr<std::vector<ListedImage>> CatalogEditor::List() const {
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd catalog, Open());
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> entries, base::ListDirectory(directory_));
  std::vector<ListedImage> images;
  for (const std::string& entry : entries) {
    if (IsNoImage(entry) || !IsDirectory(catalog.get(), entry)) continue;
    images.push_back(Describe(catalog.get(), entry));
  }
  return images;
}

absl::StatusOr<FileState> CatalogEditor::StateOf(int image, const std::string& file,
                                                 const ImageManifest& manifest) const {
  if (!IsThere(image, file)) return FileState::kMissing;
  const auto digest = manifest.sha256.find(file);
  const absl::StatusOr<ImageFile> opened = OpenImageFile(image, file);
  if (!opened.ok()) return FileState::kUnusable;
  if (digest == manifest.sha256.end()) return FileState::kNoDigest;
  if (step_) step_(base::StrCat("computing the digest of ", file));
  FLATVM_ASSIGN_OR_RETURN(const std::string found, Sha256Of(opened->fd.get()));
  return found == digest->second ? FileState::kSame : FileState::kDiffers;
}

absl::StatusOr<VerifiedImage> CatalogEditor::Verify(const std::string& name) const {
  FLATVM_RETURN_IF_ERROR(base::CheckName("name", name));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd catalog, Open());
  if (!IsDirectory(catalog.get(), name)) return NoSuchImage(name);
  VerifiedImage verified{.name = name};
  const base::UniqueFd directory = OpenBeneath(catalog.get(), name, O_RDONLY | O_DIRECTORY);
  const absl::StatusOr<ImageManifest> manifest = ReadManifest(directory.get());
  if (!manifest.ok()) {
    verified.fault = base::StrCat(kManifestName, ": ", base::Message(manifest.status()));
    return verified;
  }
  for (const std::string& file : FilesOf(*manifest)) {
    const absl::StatusOr<FileState> state = StateOf(directory.get(), file, *manifest);
    if (!state.ok()) return base::WithContext(state.status(), base::StrCat(name, "/", file));
    verified.files.push_back({.name = file, .state = *state});
  }
  return verified;
}

}  // namespace flatvm::storage
