#include "tests/support/broker_world.h"

#include <initializer_list>

namespace flatvm::broker {

FakeHost::FakeHost() {
  hypervisor.DefinePrimary("acme-primary", 512, 1);
  hypervisor.DefinePrimary("globex-primary", 512, 1);
  hypervisor.DefinePrimary("initech-primary", 2048, 4);
  storage.AddImage(storage::CatalogImage{
      .name = "tiny",
      .min_memory_mib = 96,
      .disk = storage::ImageDisk{.path = "/catalog/tiny/disk.raw", .size_mib = 16},
      .kernel = storage::ImageKernel{.kernel_path = "/catalog/tiny/vmlinuz",
                                     .initrd_path = "/catalog/tiny/initrd.img",
                                     .cmdline = "console=ttyS0"}});
  storage.AddImage(storage::CatalogImage{
      .name = "diskless",
      .kernel = storage::ImageKernel{.kernel_path = "/catalog/diskless/vmlinuz"}});
  storage.AddUnusableImage("broken", "disk.format: must be \"raw\" or \"qcow2\"");
}

void FakeHost::SetCutOff(bool cut_off) {
  for (fakes::FailableFake* fake : std::initializer_list<fakes::FailableFake*>{
           &hypervisor, &primary_share, &primary_disks, &cgroups, &networks, &storage, &quota_disks,
           &images, &records, &gate}) {
    fake->SetCutOff(cut_off);
  }
}

HostState StateOf(FakeHost& host) {
  HostState state{.hypervisor = host.hypervisor.Snapshot(),
                  .cgroups = host.cgroups.Snapshot(),
                  .networks = host.networks.Snapshot(),
                  .storage = host.storage.Snapshot(),
                  .quota_disks = host.quota_disks.Snapshot(),
                  .images = host.images.Snapshot(),
                  .open_gates = host.gate.Open(),
                  .volume_records = host.records.Volumes(),
                  .image_records = host.records.Images()};
  for (const auto& [name, tenant] : host.records.Tenants()) state.tenant_records.insert(name);
  for (const auto& [id, vm] : host.records.Vms()) state.vm_records.emplace(id, vm.state);
  return state;
}

BrokerWorld::BrokerWorld(FakeHost& fake_host)
    : host(fake_host),
      ports(fake_host.ports()),
      cids(1000, 100'000, fake_host.records),
      carver(settings, ports, registry),
      quota_moves(settings, ports, registry),
      volumes(settings, ports, registry, quota_moves),
      vms(settings, ports, registry, cids, carver, quota_moves, volumes),
      images(settings, ports, registry),
      tenants(settings, ports, registry, cids, carver,
              network::SubnetPool(network::Ipv4Subnet{.address = {0x0AD50000}, .prefix_length = 16},
                                  24, *network::ParseIpv6Pool("test", "fd12:3456:7800::/40")),
              vms, volumes, quota_moves, images),
      updates(settings, ports, registry, carver),
      networks(ports, registry, tenants),
      directory(settings, ports, registry),
      callers(ports, registry),
      reconciler(ports, registry, carver, tenants, vms, volumes, quota_moves, images) {}

absl::StatusOr<CreateTenantResult> BrokerWorld::AddTenant(const std::string& name,
                                                          PrimaryRestart restart) {
  return tenants.Create({.name = name,
                         .primary = name + "-primary",
                         .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 1024},
                         .restart = restart});
}

absl::StatusOr<CreateTenantResult> BrokerWorld::AddCarvedTenant(const std::string& name) {
  // What the primary (2048 MiB, 4 vCPUs) and the overheads need, and no more.
  return tenants.Create(
      {.name = name,
       .primary = name + "-primary",
       .limits = {.memory_mib = 2048 + 64 + 64, .vcpus = 4, .vms = 8, .disk_mib = 1024},
       .carve = {.mode = CarveMode::kBalloon, .primary_min_memory_mib = 128},
       .restart = PrimaryRestart::kRestart});
}

absl::StatusOr<NetworkRecord> BrokerWorld::AddNetwork(const std::string& tenant,
                                                      const std::string& name,
                                                      const std::string& request_id) {
  return networks.Add({.tenant = tenant, .request_id = request_id, .name = name});
}

absl::StatusOr<VmRecord> BrokerWorld::Create(const std::string& tenant, const VmSpec& spec,
                                             const std::string& request_id) {
  return vms.Create({.tenant = tenant, .request_id = request_id, .spec = spec});
}

absl::StatusOr<VmRecord> BrokerWorld::Destroy(const std::string& tenant, const std::string& vm,
                                              const std::string& request_id) {
  return vms.Destroy({.tenant = tenant, .request_id = request_id, .vm = vm});
}

absl::StatusOr<VolumeView> BrokerWorld::CreateVolume(const std::string& tenant,
                                                     const std::string& name, uint32_t size_mib,
                                                     const std::string& clone_of,
                                                     const std::string& request_id) {
  return volumes.Create({.tenant = tenant,
                         .request_id = request_id,
                         .name = name,
                         .size_mib = size_mib,
                         .clone_of = clone_of});
}

absl::StatusOr<VolumeView> BrokerWorld::Attach(const std::string& tenant,
                                               const std::string& volume) {
  return volumes.Attach({.tenant = tenant, .volume = volume});
}

absl::StatusOr<VolumeView> BrokerWorld::Detach(const std::string& tenant,
                                               const std::string& volume) {
  return volumes.Detach({.tenant = tenant, .volume = volume});
}

Resources BrokerWorld::Used(const std::string& tenant) { return directory.GetTenant(tenant)->used; }

VmSpec WebSpec(const std::string& name) {
  return VmSpec{.name = name, .image = "tiny", .memory_mib = 192, .vcpus = 1};
}

}  // namespace flatvm::broker
