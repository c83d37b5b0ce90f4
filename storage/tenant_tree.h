// A tenant's directory and the files in it, opened beneath the directory of all tenants and by
// names of ours only. Knows names and opens files; not what they are for.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::storage {

constexpr const char* kVolumesDirectory = "volumes";
constexpr const char* kQuotaDiskName = "quota.raw";
constexpr const char* kFreshQuotaDiskName = "quota.raw.new";  // until it is whole and decided for
constexpr const char* kImagesDirectory = "images";

// "<id>.raw", and "<id>.raw.new" until it is whole, with what it still lacks in "<id>.raw.strays".
std::string VolumeFileName(const std::string& volume_id);
std::string FreshVolumeFileName(const std::string& volume_id);
std::string StraysFileName(const std::string& volume_id);
// All three.
std::array<std::string, 3> VolumeFileNames(const std::string& volume_id);

// Errors of all: INTERNAL, with an errno's name, a full disk's too. All block on the disk.

// The open directory of a tenant, whose name was checked, or of its volumes or images; invalid if
// it is not there.
absl::StatusOr<base::UniqueFd> FindTenantDirectory(const std::string& tenants_directory,
                                                   const std::string& tenant);
absl::StatusOr<base::UniqueFd> FindVolumesDirectory(const std::string& tenants_directory,
                                                    const std::string& tenant);
absl::StatusOr<base::UniqueFd> FindImagesDirectory(const std::string& tenants_directory,
                                                   const std::string& tenant);

// The same, but it is an error if the tenant's is not there, and the other is made, mode 0711:
// QEMU, which is not root, must reach the files.
absl::StatusOr<base::UniqueFd> OpenTenantDirectory(const std::string& tenants_directory,
                                                   const std::string& tenant);
absl::StatusOr<base::UniqueFd> EnsureVolumesDirectory(const std::string& tenants_directory,
                                                      const std::string& tenant);
absl::StatusOr<base::UniqueFd> EnsureImagesDirectory(const std::string& tenants_directory,
                                                     const std::string& tenant);

struct TenantFile {
  base::UniqueFd fd;
  uint64_t bytes = 0;
};

// `name` in `directory`: a regular file with one link, else INTERNAL. Invalid if it is not there.
absl::StatusOr<TenantFile> FindTenantFile(int directory, const std::string& name, int flags);
// The same, but it must be there.
absl::StatusOr<TenantFile> OpenTenantFile(int directory, const std::string& name, int flags);

// A new empty file, mode 0600, open for reading and writing, in place of one that a crash left.
absl::StatusOr<base::UniqueFd> MakeTenantFile(int directory, const std::string& name);

// Cuts or grows it, on the disk.
absl::Status SetLength(int file, uint64_t bytes);

// OK if it is not there.
absl::Status RemoveName(int directory, const std::string& name);

absl::StatusOr<bool> HasName(int directory, const std::string& name);

// In place of what `to` was, on the disk.
absl::Status RenameDurably(int from_directory, const std::string& from, int to_directory,
                           const std::string& to);

absl::Status SyncOpenDirectory(int directory);

}  // namespace flatvm::storage
