#include "convert.h"

#include <chrono>

#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/time_util.h"

namespace flatvm::guestlib {
namespace {

using google::protobuf::Timestamp;
using google::protobuf::util::TimeUtil;

// The epoch for what system_clock cannot hold: 64 bits of nanoseconds end in the year 2262.
std::chrono::system_clock::time_point TimeOf(const Timestamp& wire) {
  constexpr int64_t kLastSecond = 9'223'372'035;
  if (wire.seconds() < 0 || wire.seconds() > kLastSecond) return {};
  return std::chrono::system_clock::time_point(
      std::chrono::nanoseconds(TimeUtil::TimestampToNanoseconds(wire)));
}

Resources FromWire(const v1::Resources& wire) {
  return {.memory_mib = wire.memory_mib(),
          .vcpus = wire.vcpus(),
          .vms = wire.vms(),
          .disk_mib = wire.disk_mib()};
}

Primary FromWire(const v1::Primary& wire) {
  return {.state = static_cast<PrimaryState>(wire.state()),
          .cid = wire.cid(),
          .mac = wire.mac(),
          .address = wire.address(),
          .needs_restart = wire.needs_restart(),
          .memory_mib = wire.memory_mib(),
          .vcpus = wire.vcpus(),
          .granted_memory_mib = wire.granted_memory_mib(),
          .granted_cpu_percent = wire.granted_cpu_percent(),
          .ipv6_address = wire.ipv6_address()};
}

IoLimits FromWire(const v1::IoLimits& wire) {
  return {.read_bytes = wire.read_bytes(),
          .write_bytes = wire.write_bytes(),
          .read_operations = wire.read_operations(),
          .write_operations = wire.write_operations()};
}

NetworkLimits FromWire(const v1::NetworkLimits& wire) {
  return {.out_bytes = wire.out_bytes(),
          .in_bytes = wire.in_bytes(),
          .vm_out_bytes = wire.vm_out_bytes(),
          .vm_in_bytes = wire.vm_in_bytes()};
}

Carve FromWire(const v1::Carve& wire) {
  const bool said = wire.mode() != v1::CARVE_MODE_UNSPECIFIED;
  return {.mode = said ? static_cast<CarveMode>(wire.mode()) : CarveMode::kReserved,
          .primary_min_memory_mib = wire.primary_min_memory_mib()};
}

// A host that does not say knows of no other.
NetworkMode FromWire(v1::NetworkMode wire) {
  return wire == v1::NETWORK_MODE_UNSPECIFIED ? NetworkMode::kNat : static_cast<NetworkMode>(wire);
}

Pressure FromWire(const v1::Pressure& wire) {
  return {.some_percent = wire.some_percent(), .full_percent = wire.full_percent()};
}

// A duration that its type cannot hold, which is 292,000 years, becomes the longest.
std::chrono::microseconds DurationOf(uint64_t us) {
  constexpr auto kLongest = std::chrono::microseconds::max();
  const bool fits = us <= static_cast<uint64_t>(kLongest.count());
  return fits ? std::chrono::microseconds(static_cast<int64_t>(us)) : kLongest;
}

Usage FromWire(const v1::Usage& wire) {
  return {.memory_bytes = wire.memory_bytes(),
          .oom_kills = wire.oom_kills(),
          .cpu_time = DurationOf(wire.cpu_us()),
          .throttled_time = DurationOf(wire.throttled_us()),
          .tasks = wire.tasks(),
          .read_bytes = wire.read_bytes(),
          .write_bytes = wire.write_bytes(),
          .memory_pressure = FromWire(wire.memory_pressure()),
          .cpu_pressure = FromWire(wire.cpu_pressure()),
          .io_pressure = FromWire(wire.io_pressure())};
}

}  // namespace

v1::VmSpec ToWire(const VmSpec& spec) {
  v1::VmSpec wire;
  wire.set_name(spec.name);
  wire.set_image(spec.image);
  wire.set_memory_mib(spec.memory_mib);
  wire.set_vcpus(spec.vcpus);
  wire.set_disk_mib(spec.disk_mib);
  wire.set_volume(spec.volume);
  wire.mutable_data_volumes()->Add(spec.data_volumes.begin(), spec.data_volumes.end());
  wire.set_from_quota_disk(spec.from_quota_disk);
  wire.mutable_networks()->Add(spec.networks.begin(), spec.networks.end());
  return wire;
}

Vm FromWire(const v1::Vm& wire) {
  Vm vm{.id = wire.id(),
        .name = wire.name(),
        .tenant = wire.tenant(),
        .state = static_cast<VmState>(wire.state()),
        .image = wire.image(),
        .memory_mib = wire.memory_mib(),
        .vcpus = wire.vcpus(),
        .disk_mib = wire.disk_mib(),
        .address = wire.address(),
        .mac = wire.mac(),
        .cid = wire.cid(),
        .created_at = TimeOf(wire.created_at()),
        .volume = wire.volume(),
        .data_volumes = {wire.data_volumes().begin(), wire.data_volumes().end()},
        .from_quota_disk = wire.from_quota_disk(),
        .image_id = wire.image_id(),
        .ipv6_address = wire.ipv6_address()};
  for (const v1::StageDuration& stage : wire.stages()) {
    vm.stages.push_back(
        {.stage = stage.stage(), .duration = std::chrono::microseconds(stage.duration_us())});
  }
  for (const v1::Nic& nic : wire.nics()) {
    vm.nics.push_back({.network = nic.network(),
                       .mac = nic.mac(),
                       .address = nic.address(),
                       .ipv6_address = nic.ipv6_address()});
  }
  return vm;
}

Volume FromWire(const v1::Volume& wire) {
  return {.id = wire.id(),
          .name = wire.name(),
          .tenant = wire.tenant(),
          .state = static_cast<VolumeState>(wire.state()),
          .size_mib = wire.size_mib(),
          .attached_to = wire.attached_to(),
          .serial = wire.serial(),
          .created_at = TimeOf(wire.created_at()),
          .quota_mib = wire.quota_mib(),
          .from_quota_disk = wire.from_quota_disk(),
          .made_for = wire.made_for()};
}

Image FromWire(const v1::Image& wire) {
  return {.id = wire.id(),
          .name = wire.name(),
          .tenant = wire.tenant(),
          .source = static_cast<ImageSource>(wire.source()),
          .state = static_cast<ImageState>(wire.state()),
          .format = static_cast<ImageFormat>(wire.format()),
          .size_bytes = wire.size_bytes(),
          .received_bytes = wire.received_bytes(),
          .disk_mib = wire.disk_mib(),
          .sha256 = wire.sha256(),
          .created_at = TimeOf(wire.created_at()),
          .description = wire.description()};
}

Tenant FromWire(const v1::Tenant& wire) {
  Tenant tenant{.name = wire.name(),
                .limits = FromWire(wire.limits()),
                .used = FromWire(wire.used()),
                .left = FromWire(wire.left()),
                .primary = FromWire(wire.primary()),
                .subnet = wire.subnet(),
                .gateway = wire.gateway(),
                .vmm_overhead_mib = wire.vmm_overhead_mib(),
                .created_at = TimeOf(wire.created_at()),
                .io = FromWire(wire.io()),
                .cpus = wire.cpus(),
                .carve = FromWire(wire.carve()),
                .quota_disk_mib = wire.quota_disk_mib()};
  tenant.network_mode = FromWire(wire.network_mode());
  tenant.ipv6_subnet = wire.ipv6_subnet();
  tenant.ipv6_gateway = wire.ipv6_gateway();
  tenant.net = FromWire(wire.net());
  for (const v1::Network& network : wire.networks()) {
    tenant.networks.push_back({.name = network.name(),
                               .mode = FromWire(network.mode()),
                               .subnet = network.subnet(),
                               .gateway = network.gateway(),
                               .ipv6_subnet = network.ipv6_subnet(),
                               .ipv6_gateway = network.ipv6_gateway(),
                               .domain = network.domain()});
  }
  if (wire.has_usage()) tenant.usage = FromWire(wire.usage());
  return tenant;
}

}  // namespace flatvm::guestlib
