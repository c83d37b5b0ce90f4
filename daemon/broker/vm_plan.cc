#include "daemon/broker/vm_plan.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/tenant_networks.h"

namespace flatvm::broker {

absl::StatusOr<VmSpec> GrantSpec(const VmSpec& asked, const storage::CatalogImage& image) {
  VmSpec spec = asked;
  if (asked.memory_mib < image.min_memory_mib) {
    return base::FieldError(base::Reason::kFieldOutOfRange, "spec.memory_mib",
                            base::StrCat("image \"", image.name, "\" needs at least ",
                                         image.min_memory_mib, " MiB, not ", asked.memory_mib));
  }
  if (!image.disk.has_value()) {
    if (asked.disk_mib == 0) return spec;
    return base::FieldError(base::Reason::kFieldOutOfRange, "spec.disk_mib",
                            base::StrCat("image \"", image.name, "\" has no disk"));
  }
  if (asked.disk_mib != 0 && asked.disk_mib < image.disk->size_mib) {
    return base::FieldError(base::Reason::kFieldOutOfRange, "spec.disk_mib",
                            base::StrCat("image \"", image.name, "\" needs at least ",
                                         image.disk->size_mib, " MiB, not ", asked.disk_mib));
  }
  if (asked.disk_mib == 0) spec.disk_mib = image.disk->size_mib;
  return spec;
}

absl::StatusOr<std::vector<VolumeRecord>> FindVolumes(TenantEntry& tenant, VmSpec* spec) {
  std::vector<std::string*> references;
  if (!spec->volume.empty()) references.push_back(&spec->volume);
  for (std::string& reference : spec->data_volumes) references.push_back(&reference);
  std::vector<VolumeRecord> volumes;
  for (std::string* reference : references) {
    FLATVM_ASSIGN_OR_RETURN(const VolumeRecord* volume,
                            RegistryState::GetFreeVolume(tenant, *reference));
    const bool twice = std::any_of(volumes.begin(), volumes.end(), [&](const VolumeRecord& other) {
      return other.id == volume->id;
    });
    if (twice) {
      return base::FieldError(base::Reason::kFieldMalformed, "spec.data_volumes",
                              base::StrCat("names volume \"", volume->name, "\" twice"));
    }
    volumes.push_back(*volume);
    *reference = volume->name;
  }
  return volumes;
}

std::string SerialOf(const VolumeRecord& volume) {
  constexpr size_t kDigits = 16;
  std::string digits = volume.id;
  digits.erase(std::remove(digits.begin(), digits.end(), '-'), digits.end());
  return base::StrCat("vol-", digits.substr(0, kDigits));
}

hypervisor::DomainSpec DomainSpecOf(const VmRecord& vm, const storage::CatalogImage& image,
                                    const storage::VmFiles& files, CarveMode carve,
                                    const std::vector<VolumeRecord>& volumes,
                                    const std::vector<NetworkRecord>& networks,
                                    storage::TenantVolumes& volume_files) {
  hypervisor::DomainSpec spec{.tenant = vm.tenant,
                              .vm_id = vm.id,
                              .vm_name = vm.spec.name,
                              .memory_mib = vm.spec.memory_mib,
                              .vcpus = vm.spec.vcpus,
                              .cid = vm.cid,
                              .partition = cgroups::PartitionPath(vm.tenant),
                              .console_log = files.console_log};
  spec.nics = {{.mac = vm.mac, .network = network::NetworkName({vm.tenant})}};
  for (size_t i = 0; i < networks.size(); ++i) {
    const bool bridged = networks[i].mode == network::NetworkMode::kBridge;
    spec.nics.push_back(
        {.mac = vm.nics[i].mac,
         .network = bridged ? "" : network::NetworkName({vm.tenant, networks[i].name}),
         .bridge = networks[i].bridge});
  }
  // What it has of the tenant's CPU time is what the primary has lost of it.
  if (carve == CarveMode::kBalloon) spec.cpu_quota_percent = vm.spec.vcpus * 100;
  if (image.disk.has_value()) {
    spec.disks.push_back({.path = files.disk_path,
                          .format = base::DiskFormat::kQcow2,
                          .backing_path = image.disk->path,
                          .backing_format = image.disk->format,
                          .backing_is_private = image.disk->owner == storage::DiskOwner::kTenant});
  }
  for (const VolumeRecord& volume : volumes) {
    spec.disks.push_back({.path = volume_files.VolumePath(vm.tenant, volume.id),
                          .format = base::DiskFormat::kRaw,
                          .serial = SerialOf(volume)});
  }
  if (image.kernel.has_value()) {
    spec.kernel = hypervisor::DomainKernel{.kernel_path = image.kernel->kernel_path,
                                           .initrd_path = image.kernel->initrd_path,
                                           .cmdline = image.kernel->cmdline};
  }
  return spec;
}

}  // namespace flatvm::broker
