// What a create comes to: the spec as it is granted, and the domain that is to run.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/hypervisor/hypervisor.h"
#include "storage/tenant_storage.h"
#include "storage/tenant_volumes.h"

namespace flatvm::broker {

// `asked` with the image's own disk size where the caller named none. `image` is empty if it boots
// from a volume. Errors: INVALID_ARGUMENT naming "spec.memory_mib" or "spec.disk_mib".
absl::StatusOr<VmSpec> GrantSpec(const VmSpec& asked, const storage::CatalogImage& image);

// The volumes that `spec` names, the one it boots from first; puts their names where it has ids.
// Errors: NOT_FOUND / kVolumeNotFound; ABORTED / kChangeInFlight; FAILED_PRECONDITION /
// kVolumeInUse; INVALID_ARGUMENT naming "spec.data_volumes" if it names one twice.
absl::StatusOr<std::vector<VolumeRecord>> FindVolumes(TenantEntry& tenant, VmSpec* spec);

// What a volume's VM finds it by: "vol-" and the first 16 digits of its id. 20 bytes are all that
// virtio has for a disk's serial.
std::string SerialOf(const VolumeRecord& volume);

// What the hypervisor is to run. `volumes` are those of FindVolumes, `networks` of FindNetworks.
hypervisor::DomainSpec DomainSpecOf(const VmRecord& vm, const storage::CatalogImage& image,
                                    const storage::VmFiles& files, CarveMode carve,
                                    const std::vector<VolumeRecord>& volumes,
                                    const std::vector<NetworkRecord>& networks,
                                    storage::TenantVolumes& volume_files);

}  // namespace flatvm::broker
