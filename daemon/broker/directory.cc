#include "daemon/broker/directory.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/tenant_lifecycle.h"
#include "daemon/broker/validation.h"

namespace flatvm::broker {
namespace {

std::vector<VmRecord> SortedVms(const TenantEntry& entry) {
  std::vector<VmRecord> vms;
  for (const auto& [id, vm] : entry.vms) vms.push_back(vm);
  std::sort(vms.begin(), vms.end(),
            [](const VmRecord& a, const VmRecord& b) { return a.spec.name < b.spec.name; });
  return vms;
}

std::vector<VolumeView> SortedVolumes(const TenantEntry& entry) {
  std::vector<VolumeView> volumes;
  for (const auto& [id, volume] : entry.volumes) {
    volumes.push_back({.volume = volume,
                       .attached_to = entry.HolderOf(volume),
                       .made_for = entry.OwnerOf(volume)});
  }
  std::sort(volumes.begin(), volumes.end(),
            [](const VolumeView& a, const VolumeView& b) { return a.volume.name < b.volume.name; });
  return volumes;
}

std::vector<ImageView> SortedImages(const TenantEntry& entry) {
  std::vector<ImageView> images;
  for (const auto& [id, image] : entry.images) {
    const auto progress = entry.imports.find(id);
    const uint64_t received =
        progress == entry.imports.end() ? image.size_bytes : progress->second.received_bytes;
    images.push_back({.image = image, .received_bytes = received});
  }
  std::sort(images.begin(), images.end(),
            [](const ImageView& a, const ImageView& b) { return a.image.name < b.image.name; });
  return images;
}

TenantView ViewOf(const TenantEntry& entry, const Settings& settings) {
  TenantView view{.record = entry.record, .vmm_overhead_mib = settings.vmm_overhead_mib};
  view.quota_disk_mib = QuotaDiskMib(entry.record, entry.volumes);
  view.used = UsedBy(entry.record, entry.vms, entry.volumes, entry.images, settings);
  view.left = LeftOf(entry.record.limits, view.used);
  view.grant = GrantOf(entry.record, entry.record.limits, entry.vms, settings);
  view.vms = SortedVms(entry);
  return view;
}

}  // namespace

void Directory::AddPrimary(TenantView* view) {
  const auto primary = ports_.hypervisor.GetPrimary(view->record.primary_uuid);
  if (!primary.ok()) {
    const bool gone = primary.status().code() == absl::StatusCode::kNotFound;
    view->primary_state = gone ? PrimaryState::kUndefined : PrimaryState::kUnknown;
    return;
  }
  view->primary_state = primary->running ? PrimaryState::kRunning : PrimaryState::kShutOff;
  view->primary_needs_restart = !LacksOf(*primary, AttachmentOf(view->record)).empty();
}

absl::StatusOr<TenantView> Directory::GetTenant(const std::string& name) {
  TenantView view;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(name));
    view = ViewOf(*entry, settings_);
  }
  AddPrimary(&view);
  // The numbers on record stand without it.
  if (auto usage = ports_.cgroups.ReadUsage(name); usage.ok()) view.usage = *usage;
  if (auto traffic = ports_.networks.GetTraffic(view.record.subnet); traffic.ok()) {
    view.traffic = *traffic;
  }
  return view;
}

absl::StatusOr<std::vector<NetworkView>> Directory::ListNetworks(const std::string& tenant) {
  std::vector<NetworkView> views;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
    views.push_back({.network = FirstNetworkOf(entry->record),
                     .vms = static_cast<uint32_t>(entry->vms.size())});
    for (const NetworkRecord& network : entry->record.networks) {
      views.push_back({.network = network, .vms = entry->CountOn(network.name)});
    }
  }
  for (NetworkView& view : views) {
    if (view.network.mode == network::NetworkMode::kBridge) continue;  // counted with the first's
    const auto traffic = ports_.networks.GetTraffic(view.network.subnet);
    if (traffic.ok()) view.traffic = *traffic;
  }
  return views;
}

std::vector<TenantView> Directory::ListTenants() {
  std::vector<TenantView> views;
  {
    Registry::Access state = registry_.Acquire();
    for (const auto& [name, entry] : state->tenants) views.push_back(ViewOf(entry, settings_));
  }
  for (TenantView& view : views) AddPrimary(&view);
  return views;
}

absl::StatusOr<std::vector<VmRecord>> Directory::ListVms(const std::string& tenant) {
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
  return SortedVms(*entry);
}

absl::StatusOr<VmRecord> Directory::GetVm(const std::string& tenant, const std::string& reference) {
  FLATVM_RETURN_IF_ERROR(ValidateVmReference(reference));
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(TenantEntry * entry, state->GetTenant(tenant));
  FLATVM_ASSIGN_OR_RETURN(const VmRecord* vm, RegistryState::GetVm(*entry, reference));
  return *vm;
}

std::vector<VmRecord> Directory::ListAllVms() {
  std::vector<VmRecord> all;
  Registry::Access state = registry_.Acquire();
  for (const auto& [name, entry] : state->tenants) {
    for (VmRecord& vm : SortedVms(entry)) all.push_back(std::move(vm));
  }
  return all;
}

std::vector<VolumeView> Directory::ListAllVolumes() {
  std::vector<VolumeView> all;
  Registry::Access state = registry_.Acquire();
  for (const auto& [name, entry] : state->tenants) {
    for (VolumeView& volume : SortedVolumes(entry)) all.push_back(std::move(volume));
  }
  return all;
}

absl::StatusOr<std::vector<VolumeView>> Directory::ListVolumes(const std::string& tenant) {
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
  return SortedVolumes(*entry);
}

absl::StatusOr<VolumeView> Directory::GetVolume(const std::string& tenant,
                                                const std::string& reference) {
  FLATVM_RETURN_IF_ERROR(ValidateVolumeReference("volume", reference));
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(TenantEntry * entry, state->GetTenant(tenant));
  FLATVM_ASSIGN_OR_RETURN(const VolumeRecord* volume, RegistryState::GetVolume(*entry, reference));
  return VolumeView{.volume = *volume,
                    .attached_to = entry->HolderOf(*volume),
                    .made_for = entry->OwnerOf(*volume)};
}

absl::StatusOr<std::vector<ImageView>> Directory::ListOwnImages(const std::string& tenant) {
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
  return SortedImages(*entry);
}

absl::StatusOr<ImageList> Directory::ListImages(const std::string& tenant) {
  ImageList list;
  FLATVM_ASSIGN_OR_RETURN(list.own, ListOwnImages(tenant));
  FLATVM_ASSIGN_OR_RETURN(list.catalog, ports_.storage.ListCatalog());
  return list;
}

std::vector<ImageView> Directory::ListAllImages() {
  std::vector<ImageView> all;
  Registry::Access state = registry_.Acquire();
  for (const auto& [name, entry] : state->tenants) {
    for (ImageView& image : SortedImages(entry)) all.push_back(std::move(image));
  }
  return all;
}

absl::StatusOr<VmView> Directory::GetAnyVm(const std::string& tenant,
                                           const std::string& reference) {
  FLATVM_RETURN_IF_ERROR(ValidateVmReference(reference));
  std::string owner = tenant;
  if (owner.empty()) {
    if (!base::IsUuid(reference)) {
      return base::FieldError(base::Reason::kFieldMissing, "tenant",
                              "is required with a name; an id needs none");
    }
    Registry::Access state = registry_.Acquire();
    for (const auto& [name, entry] : state->tenants) {
      if (entry.vms.contains(reference)) owner = name;
    }
    if (owner.empty()) {
      return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kVmNotFound,
                             "no tenant has a secondary with this id");
    }
  }
  VmView view;
  FLATVM_ASSIGN_OR_RETURN(view.vm, GetVm(owner, reference));
  view.domain = hypervisor::DomainName(owner, view.vm.spec.name);
  view.console_log = ports_.storage.FilesOf(owner, view.vm.id, storage::CatalogImage{}).console_log;
  return view;
}

}  // namespace flatvm::broker
