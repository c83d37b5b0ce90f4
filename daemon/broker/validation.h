// Ranges of the request fields. Pure; the wire contract states the same numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/records.h"

namespace flatvm::broker {

// Errors: INVALID_ARGUMENT naming "spec.<field>".
absl::Status ValidateVmSpec(const VmSpec& spec);

// Errors: INVALID_ARGUMENT naming "limits.<field>".
absl::Status ValidateLimits(const Resources& limits);

// A minimum of 64 MiB..`primary_memory_mib` goes with kBalloon, and none with kReserved. Errors:
// INVALID_ARGUMENT naming "carve.primary_min_memory_mib".
absl::Status ValidateCarve(const Carve& carve, uint32_t primary_memory_mib);

// `cpus`, or none if they are all that the host has: no restriction is none. Where `host_cpus` is
// empty, not known, nothing is checked. Errors: INVALID_ARGUMENT naming "cpus" if one of them is
// not the host's.
absl::StatusOr<std::vector<uint32_t>> ValidateCpus(const std::vector<uint32_t>& cpus,
                                                   const std::vector<uint32_t>& host_cpus);

// Limits with which something can still be done, and which the kernel tells from none. Errors:
// INVALID_ARGUMENT naming "io.<field>".
absl::Status ValidateIo(const cgroups::IoLimits& io);

// MiB, 0 (none) or 16..limits.disk_mib: less and there is no filesystem that could shrink. Errors:
// INVALID_ARGUMENT naming "quota_disk_mib".
absl::Status ValidateQuotaDisk(uint32_t quota_disk_mib, const Resources& limits);

// 64 at most, with ports and machines' names, no host port twice; none in kIsolated, and in
// kViaPrimary the primary's only, as others' answers would not come back by the host. Errors:
// INVALID_ARGUMENT naming "forwards" or a field of it.
absl::Status ValidateForwards(const std::vector<network::PortForward>& forwards,
                              network::NetworkMode mode);

// None, or 64 KiB..64 GiB a second, each. Errors: INVALID_ARGUMENT naming "net.<field>".
absl::Status ValidateCeilings(const network::Ceilings& ceilings);

// That a tenant may have beside its first: with that, NICs of a secondary.
inline constexpr uint32_t kMaxFurtherNetworks = 3;

// A network's name, but not that of each tenant's first. Errors: INVALID_ARGUMENT naming `field`.
absl::Status ValidateNetworkName(std::string_view field, const std::string& name);

// Those that a secondary is to be on beside the first: kMaxFurtherNetworks at most, none twice.
// Errors: INVALID_ARGUMENT naming "spec.networks".
absl::Status ValidateVmNetworks(const std::vector<std::string>& networks);

// The mode of a tenant's first network: not kBridge. Errors: INVALID_ARGUMENT naming
// "network_mode".
absl::Status ValidateFirstMode(network::NetworkMode mode);

// A new one's name, mode (kNat, kIsolated or kBridge), and bridge and VLAN, which go with kBridge
// only. Errors: INVALID_ARGUMENT naming "name", "mode", "bridge" or "vlan".
absl::Status ValidateNetwork(const NetworkRecord& network);

// A reference to a secondary: a name or an id. Errors: INVALID_ARGUMENT naming "vm".
absl::Status ValidateVmReference(const std::string& reference);

// A new volume's name and size; with a source to be cloned its size may be 0, and with an image on
// the quota disk it is. Errors: INVALID_ARGUMENT naming "name", "size_mib", "clone_of" or
// "from_quota_disk".
absl::Status ValidateVolume(const std::string& name, uint32_t size_mib, const std::string& clone_of,
                            const std::string& quota_path);

// MiB, 1..67108864. Errors: INVALID_ARGUMENT naming "size_mib".
absl::Status ValidateVolumeSize(uint32_t size_mib);

// A reference to a volume: a name or an id. Errors: INVALID_ARGUMENT naming `field`.
absl::Status ValidateVolumeReference(std::string_view field, const std::string& reference);

// A new own image's name and size. Errors: INVALID_ARGUMENT naming "image" or "size_bytes";
// FAILED_PRECONDITION / kImageUnusable for a raw one that is not made of whole sectors.
absl::Status ValidateImport(const std::string& name, base::DiskFormat format, uint64_t size_bytes);

// 64 lower-case hexadecimal digits. Errors: INVALID_ARGUMENT naming "sha256".
absl::Status ValidateDigest(const std::string& sha256);

// A part of an import: bytes, up to 61440, or zeros. Errors: INVALID_ARGUMENT naming "image_id",
// "data" or "zeros".
absl::Status ValidateChunk(const std::string& image_id, size_t data_bytes, uint64_t zeros);

// Errors: INVALID_ARGUMENT naming "image_id".
absl::Status ValidateImageId(const std::string& image_id);

// A reference to an own image: a name or an id. Errors: INVALID_ARGUMENT naming "image".
absl::Status ValidateImageReference(const std::string& reference);

// A libvirt domain name, 1..128 printable bytes without '/'. Errors: INVALID_ARGUMENT naming
// "primary".
absl::Status ValidatePrimaryReference(const std::string& reference);

}  // namespace flatvm::broker
