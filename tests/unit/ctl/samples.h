// A tenant and a secondary with every field set, as flatvmd sends them.
#pragma once

#include "flatvm/v1/types.pb.h"

namespace flatvm::ctl {

inline v1::Vm SampleVm() {
  v1::Vm vm;
  vm.set_id("0123abcd-4567-489a-bcde-f0123456789a");
  vm.set_name("web");
  vm.set_tenant("acme");
  vm.set_state(v1::VM_RUNNING);
  vm.set_image("tiny");
  vm.set_memory_mib(192);
  vm.set_vcpus(1);
  vm.set_disk_mib(1024);
  vm.set_address("10.213.0.3");
  vm.set_ipv6_address("fd12:3456:789a:1:5054:ff:fed5:3");
  vm.set_mac("52:54:00:d5:00:03");
  vm.set_cid(1001);
  for (const auto& [network, mac, address, ipv6_address] :
       {std::tuple{"default", "52:54:00:d5:00:03", "10.213.0.3", "fd12:3456:789a:1:5054:ff:fed5:3"},
        {"storage", "52:54:00:d5:01:02", "10.213.1.2", ""}}) {
    v1::Nic* const nic = vm.add_nics();
    nic->set_network(network);
    nic->set_mac(mac);
    nic->set_address(address);
    nic->set_ipv6_address(ipv6_address);
  }
  vm.mutable_created_at()->set_seconds(1'700'000'000);
  v1::StageDuration* stage = vm.add_stages();
  stage->set_stage("disk");
  stage->set_duration_us(12'345);
  return vm;
}

inline v1::Resources SampleResources(uint32_t memory_mib, uint32_t vcpus, uint32_t vms,
                                     uint32_t disk_mib) {
  v1::Resources resources;
  resources.set_memory_mib(memory_mib);
  resources.set_vcpus(vcpus);
  resources.set_vms(vms);
  resources.set_disk_mib(disk_mib);
  return resources;
}

inline v1::Usage SampleUsage() {
  v1::Usage usage;
  usage.set_memory_bytes(uint64_t{1500} << 20U);
  usage.set_oom_kills(1);
  usage.set_cpu_us(11'520'000'000);
  usage.set_throttled_us(1'250'000);
  usage.set_tasks(42);
  usage.set_read_bytes(uint64_t{310} << 20U);
  usage.set_write_bytes(512);
  usage.mutable_memory_pressure()->set_some_percent(0.5);
  usage.mutable_memory_pressure()->set_full_percent(0.25);
  usage.mutable_cpu_pressure()->set_some_percent(12.35);
  usage.mutable_io_pressure()->set_some_percent(3);
  return usage;
}

inline v1::Network SampleNetwork() {
  v1::Network network;
  network.set_name("storage");
  network.set_mode(v1::NETWORK_ISOLATED);
  network.set_subnet("10.213.1.0/24");
  network.set_gateway("10.213.1.1");
  network.set_ipv6_subnet("fd12:3456:789a:2::/64");
  network.set_ipv6_gateway("fd12:3456:789a:2::1");
  network.set_domain("storage.acme.internal");
  network.set_network("flatvm-acme.storage");
  return network;
}

inline v1::Tenant SampleTenant() {
  v1::Tenant tenant;
  tenant.set_name("acme");
  *tenant.mutable_limits() = SampleResources(4096, 4, 8, 20480);
  *tenant.mutable_used() = SampleResources(1408, 3, 1, 1024);
  *tenant.mutable_left() = SampleResources(2688, 1, 7, 19456);
  v1::Primary& primary = *tenant.mutable_primary();
  primary.set_domain("acme-primary");
  primary.set_uuid("aaaaaaaa-4567-489a-bcde-f0123456789a");
  primary.set_state(v1::PRIMARY_RUNNING);
  primary.set_cid(1000);
  primary.set_mac("52:54:00:d5:00:02");
  primary.set_address("10.213.0.2");
  primary.set_ipv6_address("fd12:3456:789a:1:5054:ff:fed5:2");
  primary.set_memory_mib(1280);
  primary.set_vcpus(2);
  primary.set_granted_memory_mib(1024);
  primary.set_granted_cpu_percent(150);
  tenant.set_subnet("10.213.0.0/24");
  tenant.set_ipv6_subnet("fd12:3456:789a:1::/64");
  tenant.set_ipv6_gateway("fd12:3456:789a:1::1");
  tenant.set_gateway("10.213.0.1");
  tenant.set_network("flatvm-acme");
  tenant.set_slice("flatvm-acme.slice");
  tenant.set_vmm_overhead_mib(64);
  tenant.mutable_created_at()->set_seconds(1'700'000'000);
  tenant.mutable_io()->set_read_bytes(uint64_t{200} << 20U);
  tenant.mutable_io()->set_read_operations(1000);
  tenant.set_cpus("2-5,8");
  tenant.mutable_carve()->set_mode(v1::CARVE_BALLOON);
  tenant.mutable_carve()->set_primary_min_memory_mib(512);
  tenant.set_network_mode(v1::NETWORK_VIA_PRIMARY);
  for (const auto& [protocol, host_port, port] :
       {std::tuple{v1::PROTOCOL_TCP, 8443U, 443U}, {v1::PROTOCOL_UDP, 53U, 5353U}}) {
    v1::PortForward* const forward = tenant.add_forwards();
    forward->set_protocol(protocol);
    forward->set_host_port(host_port);
    forward->set_machine("primary");
    forward->set_port(port);
  }
  tenant.mutable_net()->set_out_bytes(uint64_t{50} << 20U);
  tenant.mutable_net()->set_vm_in_bytes(uint64_t{64} << 10U);
  *tenant.add_networks() = SampleNetwork();
  tenant.set_quota_disk_mib(5120);
  *tenant.mutable_usage() = SampleUsage();
  tenant.mutable_traffic()->set_accepted(123456);
  tenant.mutable_traffic()->set_spoofed(7);
  tenant.mutable_traffic()->set_refused(89);
  tenant.mutable_traffic()->mutable_exceeded()->set_out(4);
  tenant.mutable_traffic()->mutable_exceeded()->set_in(3);
  tenant.mutable_traffic()->mutable_exceeded()->set_vm_out(2);
  tenant.mutable_traffic()->mutable_exceeded()->set_vm_in(1);
  return tenant;
}

}  // namespace flatvm::ctl
