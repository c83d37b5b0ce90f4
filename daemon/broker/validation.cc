#include "daemon/broker/validation.h"

#include <algorithm>

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
