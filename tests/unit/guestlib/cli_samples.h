// A secondary, a volume, a tenant with every field set, and an error, as libflatvm returns them.
#pragma once

#include <chrono>
#include <cstdint>

#include "flatvm/error.h"
#include "flatvm/image.h"
#include "flatvm/tenant.h"
#include "flatvm/vm.h"
#include "flatvm/volume.h"

namespace flatvm::cli {

inline Vm SampleVm() {
  return {.id = "0b6c2f60-5f0a-4d6e-9d50-0f1e6c5a7b11",
          .name = "web",
          .tenant = "acme",
          .state = VmState::kRunning,
          .image = "tiny",
          .memory_mib = 192,
          .vcpus = 1,
          .disk_mib = 2048,
          .address = "10.213.0.3",
          .mac = "52:54:00:01:02:03",
          .cid = 7,
          .created_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000)),
          .stages = {{.stage = "admit", .duration = std::chrono::microseconds(120)},
                     {.stage = "disk", .duration = std::chrono::microseconds(21'400)},
                     {.stage = "domain", .duration = std::chrono::microseconds(1'849'000)}},
          .ipv6_address = "fd12:3456:789a:1:5054:ff:fe01:203",
          .nics = {{.network = "default",
                    .mac = "52:54:00:01:02:03",
                    .address = "10.213.0.3",
                    .ipv6_address = "fd12:3456:789a:1:5054:ff:fe01:203"},
                   {.network = "storage",
                    .mac = "52:54:00:d5:05:02",
                    .address = "10.213.5.2",
                    .ipv6_address = ""}}};
}

inline Volume SampleVolume() {
  return {.id = "5d2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071",
          .name = "data",
          .tenant = "acme",
          .state = VolumeState::kReady,
          .size_mib = 10240,
          .attached_to = "primary",
          .serial = "vol-5d2f1c3a9b7e4f60",
          .created_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000))};
}

inline Image SampleImage() {
  return {.id = "7a2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071",
          .name = "debian",
          .tenant = "acme",
          .source = ImageSource::kOwn,
          .state = ImageState::kReady,
          .format = ImageFormat::kQcow2,
          .size_bytes = uint64_t{310} << 20U,
          .received_bytes = uint64_t{310} << 20U,
          .disk_mib = 2048,
          .sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
          .created_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000))};
}

inline Tenant SampleTenant() {
  return {.name = "acme",
          .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 20480},
          .used = {.memory_mib = 1344, .vcpus = 2, .vms = 1, .disk_mib = 2048},
          .left = {.memory_mib = 2752, .vcpus = 2, .vms = 7, .disk_mib = 18432},
          .primary = {.state = PrimaryState::kRunning,
                      .cid = 5,
                      .mac = "52:54:00:00:00:01",
                      .address = "10.213.0.2",
                      .memory_mib = 1280,
                      .vcpus = 2,
                      .granted_memory_mib = 1024,
                      .granted_cpu_percent = 150,
                      .ipv6_address = "fd12:3456:789a:1:5054:ff:fe00:1"},
          .subnet = "10.213.0.0/24",
          .gateway = "10.213.0.1",
          .vmm_overhead_mib = 64,
          .created_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000)),
          .io = {.read_bytes = uint64_t{200} << 20U, .read_operations = 1000},
          .cpus = "2-5,8",
          .carve = {.mode = CarveMode::kBalloon, .primary_min_memory_mib = 512},
          .quota_disk_mib = 5120,
          .usage = Usage{.memory_bytes = uint64_t{1500} << 20U,
                         .oom_kills = 1,
                         .cpu_time = std::chrono::microseconds(11'520'000'000),
                         .throttled_time = std::chrono::microseconds(1'250'000),
                         .tasks = 42,
                         .read_bytes = uint64_t{310} << 20U,
                         .write_bytes = 512,
                         .memory_pressure = {.some_percent = 0.5, .full_percent = 0.25},
                         .cpu_pressure = {.some_percent = 12.35},
                         .io_pressure = {}},
          .network_mode = NetworkMode::kViaPrimary,
          .ipv6_subnet = "fd12:3456:789a:1::/64",
          .ipv6_gateway = "fd12:3456:789a:1::1",
          .net = {.out_bytes = uint64_t{50} << 20U, .vm_in_bytes = 65536},
          .networks = {{.name = "storage",
                        .mode = NetworkMode::kIsolated,
                        .subnet = "10.213.5.0/24",
                        .gateway = "10.213.5.1",
                        .ipv6_subnet = "",
                        .ipv6_gateway = "",
                        .domain = "storage.acme.internal"}}};
}

inline Error SampleError() {
  return {.code = Code::kNotFound,
          .reason = Reason::kVmNotFound,
          .message = "there is no such secondary",
          .field = "vm"};
}

}  // namespace flatvm::cli
