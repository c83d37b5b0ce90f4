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

}  // namespace

absl::Status ValidateVmSpec(const VmSpec& spec) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("spec.name", spec.name));
  if (spec.name == kPrimaryHostname) {
    return base::FieldError(base::Reason::kFieldMalformed, "spec.name",
                            "\"primary\" is what the primary itself is called on this network");
  }
  FLATVM_RETURN_IF_ERROR(base::CheckName("spec.image", spec.image));
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
