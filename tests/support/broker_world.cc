#include "tests/support/broker_world.h"

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

HostState StateOf(FakeHost& host) {
  HostState state{.hypervisor = host.hypervisor.Snapshot(),
                  .cgroups = host.cgroups.Snapshot(),
                  .networks = host.networks.Snapshot(),
                  .storage = host.storage.Snapshot(),
                  .open_gates = host.gate.Open()};
  for (const auto& [name, tenant] : host.records.Tenants()) state.tenant_records.insert(name);
  for (const auto& [id, vm] : host.records.Vms()) state.vm_records.emplace(id, vm.state);
  return state;
}

BrokerWorld::BrokerWorld(FakeHost& fake_host)
    : host(fake_host),
      ports(fake_host.ports()),
      cids(1000, 100'000, fake_host.records),
      carver(settings, ports, registry),
      vms(settings, ports, registry, cids, carver),
      tenants(settings, ports, registry, cids, carver,
              network::SubnetPool(network::Ipv4Subnet{.address = {0x0AD50000}, .prefix_length = 16},
                                  24),
              vms),
      updates(settings, ports, registry, carver),
      directory(settings, ports, registry),
      callers(ports, registry),
      reconciler(ports, registry, carver, tenants, vms) {}

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

absl::StatusOr<VmRecord> BrokerWorld::Create(const std::string& tenant, const VmSpec& spec,
                                             const std::string& request_id) {
  return vms.Create({.tenant = tenant, .request_id = request_id, .spec = spec});
}

absl::StatusOr<VmRecord> BrokerWorld::Destroy(const std::string& tenant, const std::string& vm,
                                              const std::string& request_id) {
  return vms.Destroy({.tenant = tenant, .request_id = request_id, .vm = vm});
}

Resources BrokerWorld::Used(const std::string& tenant) { return directory.GetTenant(tenant)->used; }

VmSpec WebSpec(const std::string& name) {
  return VmSpec{.name = name, .image = "tiny", .memory_mib = 192, .vcpus = 1};
}

}  // namespace flatvm::broker
