#include "daemon/config/config_fields.h"

#include <algorithm>
#include <array>

#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"

namespace flatvm::config {
namespace {

// VMADDR_PORT_ANY is 2^32-1 (vsock(7)).
constexpr uint32_t kMaxVsockPort = 0xFFFFFFFE;
// A tenant's subnet needs a gateway, a primary and room for secondaries; MAC addresses are unique
// in a pool of /8 or smaller only.
constexpr uint32_t kMinPrefixLength = 8;
constexpr uint32_t kMaxPrefixLength = 29;
// More overhead than this is a slip of the unit.
constexpr uint32_t kMaxOverheadMib = 64U * 1024U;
// Shorter ones fail on a busy host, longer ones hold a caller for ever.
constexpr uint32_t kMinTimeoutMs = 1000;
constexpr uint32_t kMaxTimeoutMs = 3'600'000;
constexpr uint32_t kMaxExpiryMs = 86'400'000;  // the longest that a duration can say

constexpr std::array kFields = {
    ConfigField{"", "state_dir", TextField{&Config::state_dir, TextKind::kAbsolutePath}},
    ConfigField{"", "catalog_dir", TextField{&Config::catalog_dir, TextKind::kAbsolutePath}},
    ConfigField{"", "libvirt_uri", TextField{&Config::libvirt_uri, TextKind::kAny}},
    ConfigField{"vsock", "port", NumberField{&Config::vsock_port, 1, kMaxVsockPort}},
    ConfigField{"vsock", "require_privileged_port", FlagField{&Config::require_privileged_port}},
    ConfigField{
        "cids", "first",
        NumberField{&Config::cid_first, base::VsockCid::kFirstGuest, base::VsockCid::kLastGuest}},
    ConfigField{
        "cids", "last",
        NumberField{&Config::cid_last, base::VsockCid::kFirstGuest, base::VsockCid::kLastGuest}},
    ConfigField{"network", "subnet_pool", TextField{&Config::subnet_pool, TextKind::kSubnet}},
    ConfigField{"network", "subnet_prefix_length",
                NumberField{&Config::subnet_prefix_length, kMinPrefixLength, kMaxPrefixLength}},
    ConfigField{"network", "ipv6_pool", TextField{&Config::ipv6_pool, TextKind::kAny}},
    ConfigField{"network", "uplink", TextField{&Config::uplink, TextKind::kInterface}},
    ConfigField{"overhead", "vmm", SizeField{&Config::vmm_overhead_mib, 0, kMaxOverheadMib}},
    ConfigField{"overhead", "front", SizeField{&Config::front_overhead_mib, 0, kMaxOverheadMib}},
    ConfigField{"timeouts", "create",
                DurationField{&Config::create_timeout_ms, kMinTimeoutMs, kMaxTimeoutMs}},
    ConfigField{"timeouts", "carve",
                DurationField{&Config::carve_timeout_ms, kMinTimeoutMs, kMaxTimeoutMs}},
    ConfigField{"timeouts", "detach",
                DurationField{&Config::detach_timeout_ms, kMinTimeoutMs, kMaxTimeoutMs}},
    ConfigField{"timeouts", "import_expiry",
                DurationField{&Config::import_expiry_ms, 0, kMaxExpiryMs}},
    ConfigField{"timeouts", "primary_shutdown",
                DurationField{&Config::shutdown_timeout_ms, kMinTimeoutMs, kMaxTimeoutMs}},
    ConfigField{"programs", "front", TextField{&Config::front_program, TextKind::kAbsolutePath}},
    ConfigField{"programs", "quota", TextField{&Config::quota_program, TextKind::kAbsolutePath}},
    ConfigField{"programs", "import", TextField{&Config::import_program, TextKind::kAbsolutePath}},
    ConfigField{"programs", "qemu_img",
                TextField{&Config::qemu_img_program, TextKind::kAbsolutePath}},
};

}  // namespace

std::string ConfigField::Path() const {
  return section.empty() ? std::string(key) : base::StrCat(section, ".", key);
}

std::span<const ConfigField> ConfigFields() { return kFields; }

bool IsSection(std::string_view name) {
  return !name.empty() &&
         std::any_of(kFields.begin(), kFields.end(),
                     [name](const ConfigField& field) { return field.section == name; });
}

}  // namespace flatvm::config
