#include "daemon/broker/tenant_entry.h"

#include <algorithm>

namespace flatvm::broker {

VmRecord* TenantEntry::FindVm(const std::string& reference) {
  if (const auto it = vms.find(reference); it != vms.end()) return &it->second;
  for (auto& [id, vm] : vms) {
    if (vm.spec.name == reference) return &vm;
  }
  return nullptr;
}

VolumeRecord* TenantEntry::FindVolume(const std::string& reference) {
  if (const auto it = volumes.find(reference); it != volumes.end()) return &it->second;
  for (auto& [id, volume] : volumes) {
    if (volume.name == reference) return &volume;
  }
  return nullptr;
}

ImageRecord* TenantEntry::FindImage(const std::string& reference) {
  if (const auto it = images.find(reference); it != images.end()) return &it->second;
  for (auto& [id, image] : images) {
    if (image.name == reference) return &image;
  }
  return nullptr;
}

const NetworkRecord* TenantEntry::FindNetwork(const std::string& name) const {
  const auto found =
      std::find_if(record.networks.begin(), record.networks.end(),
                   [&](const NetworkRecord& network) { return network.name == name; });
  return found == record.networks.end() ? nullptr : &*found;
}

uint32_t TenantEntry::CountOn(const std::string& network) const {
  return static_cast<uint32_t>(std::count_if(vms.begin(), vms.end(), [&](const auto& entry) {
    const std::vector<NicRecord>& nics = entry.second.nics;
    return std::any_of(nics.begin(), nics.end(),
                       [&](const NicRecord& nic) { return nic.network == network; });
  }));
}

std::string TenantEntry::UserOf(const ImageRecord& image) const {
  const auto it = std::find_if(
      vms.begin(), vms.end(), [&](const auto& entry) { return entry.second.image_id == image.id; });
  return it == vms.end() ? "" : it->second.spec.name;
}

std::string TenantEntry::HolderOf(const VolumeRecord& volume) const {
  if (volume.on_primary) return kPrimaryHostname;
  for (const auto& [id, vm] : vms) {
    const std::vector<std::string>& data = vm.spec.data_volumes;
    if (vm.spec.volume == volume.name ||
        std::find(data.begin(), data.end(), volume.name) != data.end()) {
      return vm.spec.name;
    }
  }
  return "";
}

std::string TenantEntry::OwnerOf(const VolumeRecord& volume) const {
  for (const auto& [id, vm] : vms) {
    if (vm.own_volume == volume.id && !volume.id.empty()) return vm.spec.name;
  }
  return "";
}

}  // namespace flatvm::broker
