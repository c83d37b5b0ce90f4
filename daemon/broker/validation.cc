#include "daemon/broker/validation.h"

#include <algorithm>

#include "daemon/base/cpu_list.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::broker {
namespace {

constexpr uint32_t kMinVmMemoryMib = 32;       // less and no Linux guest gets to its init
constexpr uint32_t kMaxMemoryMib = 4'194'304;  // 4 TiB: QEMU's q35 with 42 physical address bits
constexpr uint32_t kMaxVmVcpus =
    512;  // libvirt's q35 machines up to 710; half a machine's is plenty
constexpr uint32_t kMaxVmDiskMib =
    67'108'864;  // 64 TiB: what qcow2 holds with 64 KiB clusters and a bounded L1 table
constexpr size_t kMaxDataVolumes = 8;
constexpr uint32_t kMinQuotaDiskMib = 16;
constexpr size_t kMaxQuotaPathBytes = 4095;              // PATH_MAX, less its end
constexpr uint64_t kMaxImageBytes = uint64_t{1} << 46U;  // 64 TiB, as any disk
constexpr uint64_t kSectorBytes = 512;
constexpr size_t kDigestDigits = 64;
constexpr size_t kMaxChunkBytes =
    size_t{60} * 1024;  // with its envelopes within all limits of 64 KiB
constexpr uint32_t kMinTenantMemoryMib = 64;
constexpr uint32_t kMaxTenantVcpus = 4096;
constexpr uint32_t kMaxTenantVms = 4096;
// Less and a guest does not boot within its time.
constexpr uint64_t kMinIoBytes = 65'536;
constexpr uint64_t kMinIoOperations = 8;
constexpr uint64_t kMaxIoBytes = uint64_t{1} << 50U;  // 1 PiB
constexpr uint64_t kMaxIoOperations = 4'294'967'294;  // the kernel counts them in 32 bits

absl::Status CheckRange(std::string_view field, uint32_t value, uint32_t min, uint32_t max,
                        std::string_view unit) {
  if (value >= min && value <= max) return absl::OkStatus();
  const auto reason = value == 0 ? base::Reason::kFieldMissing : base::Reason::kFieldOutOfRange;
  return base::FieldError(reason, field,
                          base::StrCat("must be ", min, "..", max, unit, ", not ", value));
}

// The path is one inside of a filesystem that is not ours: only what can name nothing else. Whoever
// reads the filesystem checks what is there.
absl::Status CheckQuotaPath(const char* field, const std::string& path) {
  if (path.size() > kMaxQuotaPathBytes) {
    return base::FieldError(
        base::Reason::kFieldOutOfRange, field,
        base::StrCat("must have ", kMaxQuotaPathBytes, " bytes at most, not ", path.size()));
  }
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = std::string_view(path).substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != part.npos) {
      return base::FieldError(base::Reason::kFieldMalformed, field,
                              "must be a path from the quota disk's root, such as "
                              "\"images/web.raw\", without \".\" and \"..\"");
    }
    begin = end + 1;
  }
  return absl::OkStatus();
}

// What a disk has that is there already.
absl::Status CheckNoImage(const char* field, const VmSpec& spec) {
  if (!spec.image.empty()) {
    return base::FieldError(base::Reason::kFieldMalformed, field,
                            "goes without spec.image: a secondary boots from one of the two");
  }
  if (spec.disk_mib == 0) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldOutOfRange, "spec.disk_mib",
                          "goes with an image only: another disk has its size already");
}

// The disk that it boots from.
absl::Status ValidateBootDisk(const VmSpec& spec) {
  constexpr const char* kPath = "spec.from_quota_disk";
  if (!spec.quota_path.empty()) {
    if (!spec.volume.empty()) {
      return base::FieldError(base::Reason::kFieldMalformed, kPath,
                              "goes without spec.volume: a secondary boots from one of the two");
    }
    FLATVM_RETURN_IF_ERROR(CheckNoImage(kPath, spec));
    return CheckQuotaPath(kPath, spec.quota_path);
  }
  if (spec.volume.empty()) return base::CheckName("spec.image", spec.image);
  FLATVM_RETURN_IF_ERROR(ValidateVolumeReference("spec.volume", spec.volume));
  return CheckNoImage("spec.volume", spec);
}

// What it boots from, and its further disks.
absl::Status ValidateDisks(const VmSpec& spec) {
  FLATVM_RETURN_IF_ERROR(ValidateBootDisk(spec));
  if (spec.data_volumes.size() > kMaxDataVolumes) {
    return base::FieldError(
        base::Reason::kFieldOutOfRange, "spec.data_volumes",
        base::StrCat("must be ", kMaxDataVolumes, " at most, not ", spec.data_volumes.size()));
  }
  for (const std::string& volume : spec.data_volumes) {
    FLATVM_RETURN_IF_ERROR(ValidateVolumeReference("spec.data_volumes", volume));
  }
  return absl::OkStatus();
}

// Of a volume that is to be made of an image.
absl::Status ValidateQuotaPath(uint32_t size_mib, const std::string& clone_of,
                               const std::string& path) {
  constexpr const char* kField = "from_quota_disk";
  if (size_mib == 0 && clone_of.empty()) return CheckQuotaPath(kField, path);
  return base::FieldError(base::Reason::kFieldMalformed, kField,
                          "goes without size_mib and clone_of: the image has its size");
}

}  // namespace

absl::Status ValidateVmSpec(const VmSpec& spec) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("spec.name", spec.name));
  if (spec.name == kPrimaryHostname) {
    return base::FieldError(base::Reason::kFieldMalformed, "spec.name",
                            "\"primary\" is what the primary itself is called on this network");
  }
  FLATVM_RETURN_IF_ERROR(ValidateDisks(spec));
  FLATVM_RETURN_IF_ERROR(ValidateVmNetworks(spec.networks));
  FLATVM_RETURN_IF_ERROR(
      CheckRange("spec.memory_mib", spec.memory_mib, kMinVmMemoryMib, kMaxMemoryMib, " MiB"));
  FLATVM_RETURN_IF_ERROR(CheckRange("spec.vcpus", spec.vcpus, 1, kMaxVmVcpus, ""));
  return CheckRange("spec.disk_mib", spec.disk_mib, 0, kMaxVmDiskMib, " MiB");
}

absl::Status ValidateLimits(const Resources& limits) {
  FLATVM_RETURN_IF_ERROR(CheckRange("limits.memory_mib", limits.memory_mib, kMinTenantMemoryMib,
                                    kMaxMemoryMib, " MiB"));
  FLATVM_RETURN_IF_ERROR(CheckRange("limits.vcpus", limits.vcpus, 1, kMaxTenantVcpus, ""));
  return CheckRange("limits.vms", limits.vms, 1, kMaxTenantVms, "");
}

absl::Status ValidateQuotaDisk(uint32_t quota_disk_mib, const Resources& limits) {
  if (quota_disk_mib == 0) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(
      CheckRange("quota_disk_mib", quota_disk_mib, kMinQuotaDiskMib, kMaxVmDiskMib, " MiB"));
  if (quota_disk_mib <= limits.disk_mib) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldOutOfRange, "quota_disk_mib",
                          base::StrCat("must be ", limits.disk_mib,
                                       " MiB at most, which is all that the tenant may have"));
}

absl::Status ValidateCarve(const Carve& carve, uint32_t primary_memory_mib) {
  constexpr const char* kField = "carve.primary_min_memory_mib";
  if (carve.mode == CarveMode::kBalloon) {
    return CheckRange(kField, carve.primary_min_memory_mib, kMinTenantMemoryMib, primary_memory_mib,
                      " MiB, the primary's own memory");
  }
  if (carve.primary_min_memory_mib == 0) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldOutOfRange, kField,
                          "goes with carving by balloon only: nothing is taken otherwise");
}

absl::StatusOr<std::vector<uint32_t>> ValidateCpus(const std::vector<uint32_t>& cpus,
                                                   const std::vector<uint32_t>& host_cpus) {
  if (cpus == host_cpus || host_cpus.empty()) {
    return host_cpus.empty() ? cpus : std::vector<uint32_t>{};
  }
  for (const uint32_t cpu : cpus) {
    if (std::binary_search(host_cpus.begin(), host_cpus.end(), cpu)) continue;
    return base::FieldError(base::Reason::kFieldOutOfRange, "cpus",
                            base::StrCat("the host has no CPU ", cpu, " online, only ",
                                         base::FormatCpuList(host_cpus)));
  }
  return cpus;
}

absl::Status ValidateIo(const cgroups::IoLimits& io) {
  struct Item {
    const char* field;
    uint64_t value;
    uint64_t min;
    uint64_t max;
  };
  const Item items[] = {
      {"io.read_bytes", io.read_bytes, kMinIoBytes, kMaxIoBytes},
      {"io.write_bytes", io.write_bytes, kMinIoBytes, kMaxIoBytes},
      {"io.read_operations", io.read_operations, kMinIoOperations, kMaxIoOperations},
      {"io.write_operations", io.write_operations, kMinIoOperations, kMaxIoOperations}};
  for (const Item& item : items) {
    const bool good =
        item.value == cgroups::kNoLimit || (item.value >= item.min && item.value <= item.max);
    if (good) continue;
    return base::FieldError(
        base::Reason::kFieldOutOfRange, item.field,
        base::StrCat("must be ", item.min, "..", item.max, " a second, not ", item.value));
  }
  return absl::OkStatus();
}

absl::Status ValidateVmReference(const std::string& reference) {
  if (reference.empty()) {
    return base::FieldError(base::Reason::kFieldMissing, "vm", "is required: a name or an id");
  }
  if (base::IsName(reference) || base::IsUuid(reference)) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldMalformed, "vm",
                          "must be a secondary's name (1 to 40 of a-z, 0-9 and '-') or its id");
}

absl::Status ValidateVolumeSize(uint32_t size_mib) {
  return CheckRange("size_mib", size_mib, 1, kMaxVmDiskMib, " MiB");
}

absl::Status ValidateVolume(const std::string& name, uint32_t size_mib, const std::string& clone_of,
                            const std::string& quota_path) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("name", name));
  if (!quota_path.empty()) return ValidateQuotaPath(size_mib, clone_of, quota_path);
  if (clone_of.empty()) return ValidateVolumeSize(size_mib);
  FLATVM_RETURN_IF_ERROR(ValidateVolumeReference("clone_of", clone_of));
  return size_mib == 0 ? absl::OkStatus() : ValidateVolumeSize(size_mib);
}

absl::Status ValidateVolumeReference(std::string_view field, const std::string& reference) {
  if (reference.empty()) {
    return base::FieldError(base::Reason::kFieldMissing, field, "is required: a name or an id");
  }
  if (base::IsName(reference) || base::IsUuid(reference)) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldMalformed, field,
                          "must be a volume's name (1 to 40 of a-z, 0-9 and '-') or its id");
}

absl::Status ValidateImport(const std::string& name, base::DiskFormat format, uint64_t size_bytes) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("image", name));
  if (size_bytes == 0 || size_bytes > kMaxImageBytes) {
    return base::FieldError(
        size_bytes == 0 ? base::Reason::kFieldMissing : base::Reason::kFieldOutOfRange,
        "size_bytes", base::StrCat("must be 1..", kMaxImageBytes, ", not ", size_bytes));
  }
  if (format == base::DiskFormat::kRaw && size_bytes % kSectorBytes != 0) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition,
        base::ErrorInfo{.reason = base::Reason::kImageUnusable, .field = "size_bytes"},
        base::StrCat("a raw image of ", size_bytes, " bytes is not made of whole sectors of ",
                     kSectorBytes, ": is it cut off, or of another format?"));
  }
  return absl::OkStatus();
}

absl::Status ValidateDigest(const std::string& sha256) {
  const bool good =
      sha256.size() == kDigestDigits && std::all_of(sha256.begin(), sha256.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      });
  if (good) return absl::OkStatus();
  return base::FieldError(
      sha256.empty() ? base::Reason::kFieldMissing : base::Reason::kFieldMalformed, "sha256",
      "must be 64 lower-case hexadecimal digits");
}

absl::Status ValidateChunk(const std::string& image_id, size_t data_bytes, uint64_t zeros) {
  FLATVM_RETURN_IF_ERROR(ValidateImageId(image_id));
  if (data_bytes > kMaxChunkBytes) {
    return base::FieldError(
        base::Reason::kFieldOutOfRange, "data",
        base::StrCat("must be ", kMaxChunkBytes, " bytes at most, not ", data_bytes));
  }
  if (data_bytes == 0 && zeros == 0) {
    return base::FieldError(base::Reason::kFieldMissing, "data", "or zeros are required");
  }
  if (data_bytes == 0 || zeros == 0) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldMalformed, "zeros", "go without data");
}

absl::Status ValidateImageId(const std::string& image_id) {
  if (base::IsUuid(image_id)) return absl::OkStatus();
  return base::FieldError(
      image_id.empty() ? base::Reason::kFieldMissing : base::Reason::kFieldMalformed, "image_id",
      "must be an image's id");
}

absl::Status ValidateImageReference(const std::string& reference) {
  if (reference.empty()) {
    return base::FieldError(base::Reason::kFieldMissing, "image", "is required: a name or an id");
  }
  if (base::IsName(reference) || base::IsUuid(reference)) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldMalformed, "image",
                          "must be an image's name (1 to 40 of a-z, 0-9 and '-') or its id");
}

absl::Status ValidatePrimaryReference(const std::string& reference) {
  if (reference.empty()) {
    return base::FieldError(base::Reason::kFieldMissing, "primary",
                            "is required: a libvirt domain's name or UUID");
  }
  const bool good = reference.size() <= 128 &&
                    std::all_of(reference.begin(), reference.end(),
                                [](char c) { return c > 0x20 && c < 0x7f && c != '/'; });
  if (good) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldMalformed, "primary",
                          "must be 1 to 128 printable bytes without '/' and spaces");
}

}  // namespace flatvm::broker
