// Records with every field set to something of its own, for round trips.
#pragma once

#include "daemon/broker/records.h"

namespace flatvm::state {

inline broker::TenantRecord SampleTenant() {
  broker::TenantRecord record;
  record.name = "acme";
  record.state = broker::TenantState::kReady;
  record.limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 20480};
  record.io = {.write_bytes = 10'000'000, .read_operations = 500};
  record.cpus = {0, 1, 2, 7};
  record.carve = {.mode = broker::CarveMode::kBalloon, .primary_min_memory_mib = 256};
  record.primary_uuid = "11111111-2222-4333-8444-555555555555";
  record.primary_domain = "acme-primary";
  record.primary_memory_mib = 512;
  record.primary_vcpus = 1;
  record.primary_boot_id = "boot:7";
  record.cid = base::VsockCid{1000};
  record.mac = "52:54:00:d5:00:02";
  record.address = network::Ipv4Address{0x0AD50002};
  record.subnet = network::Ipv4Subnet{.address = {0x0AD50000}, .prefix_length = 24};
  record.prefix = network::Ipv6Prefix{{0xFD, 0x12, 0x34, 0x56, 0x78, 0xD5, 0, 0}};
  record.network_mode = network::NetworkMode::kViaPrimary;
  record.forwards = {
      {.protocol = network::Protocol::kUdp, .host_port = 5353, .machine = "dns", .port = 53}};
  record.ceilings = {.out = uint64_t{64} << 30U, .in = 65536, .vm_out = 0, .vm_in = 1'000'000};
  record.networks = {
      {.name = "storage",
       .mode = network::NetworkMode::kIsolated,
       .subnet = {.address = {0x0AD50100}, .prefix_length = 24},
       .prefix = network::Ipv6Prefix{{0xFD, 0x12, 0x34, 0x56, 0x78, 0xD5, 1, 0}},
       .request_id = "network-1"},
      {.name = "web",
       .mode = network::NetworkMode::kNat,
       .subnet = {.address = {0x0AD50200}, .prefix_length = 24}},
      {.name = "lan", .mode = network::NetworkMode::kBridge, .bridge = "br0", .vlan = 100}};
  record.undo = {.uuid = record.primary_uuid,
                 .before_xml = "<domain>\n \"before\"</domain>",
                 .after_xml = "<domain>after</domain>",
                 .attachment = {.tenant = "acme",
                                .cid = record.cid,
                                .partition = "/flatvm/acme",
                                .network = "flatvm-acme",
                                .mac = record.mac,
                                .hotplug_slots = 8}};
  record.created_at =
      std::chrono::system_clock::time_point(std::chrono::microseconds(1'700'000'000'123'456));
  record.request_id = "add-1";
  return record;
}

inline broker::VmRecord SampleVm() {
  broker::VmRecord record;
  record.id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
  record.tenant = "acme";
  record.state = broker::VmState::kRunning;
  record.asked = {.name = "web",
                  .image = "tiny",
                  .memory_mib = 192,
                  .vcpus = 1,
                  .volume = "root",
                  .data_volumes = {"data", "logs"},
                  .quota_path = "images/web.raw",
                  .networks = {"storage", "web"}};
  record.spec = {.name = "web",
                 .image = "tiny",
                 .memory_mib = 192,
                 .vcpus = 1,
                 .disk_mib = 16,
                 .volume = "root",
                 .data_volumes = {"data", "logs"},
                 .quota_path = "images/web.raw",
                 .networks = {"storage", "web"}};
  record.image_id = "cccccccc-dddd-4eee-8fff-000000000001";
  record.address = network::Ipv4Address{0x0AD50003};
  record.ipv6_address = *network::ParseIpv6Address("sample", "fd12:3456:789a:1:5054:ff:fed5:3");
  record.mac = "52:54:00:d5:00:03";
  record.nics = {
      {.network = "storage",
       .mac = "52:54:00:d5:01:02",
       .address = {0x0AD50102},
       .ipv6_address = *network::ParseIpv6Address("sample", "fd12:3456:789a:2:5054:ff:fed5:102")},
      {.network = "web", .mac = "52:54:00:d5:02:02", .address = {0x0AD50202}},
      {.network = "lan", .mac = "52:aa:bb:cc:dd:ee"}};
  record.cid = base::VsockCid{1001};
  record.created_at =
      std::chrono::system_clock::time_point(std::chrono::microseconds(1'700'000'001'000'001));
  record.stages = {{.stage = "admit", .duration_us = 90},
                   {.stage = "domain", .duration_us = 250'000}};
  record.request_id = "create-1";
  record.own_volume = "bbbbbbbb-cccc-4ddd-8eee-ffffffffffff";
  record.return_disk = true;
  return record;
}

inline broker::ImageRecord SampleImage() {
  broker::ImageRecord record;
  record.id = "cccccccc-dddd-4eee-8fff-000000000001";
  record.tenant = "acme";
  record.name = "debian";
  record.state = broker::ImageState::kReady;
  record.format = base::DiskFormat::kQcow2;
  record.size_bytes = (uint64_t{5} << 32U) + 12345;
  record.sha256 = std::string(64, 'a');
  record.disk_mib = 8192;
  record.created_at =
      std::chrono::system_clock::time_point(std::chrono::microseconds(1'700'000'003'000'004));
  return record;
}

inline broker::VolumeRecord SampleVolume() {
  broker::VolumeRecord record;
  record.id = "bbbbbbbb-cccc-4ddd-8eee-ffffffffffff";
  record.tenant = "acme";
  record.name = "data";
  record.state = broker::VolumeState::kReady;
  record.size_mib = 2048;
  record.on_primary = true;
  record.created_at =
      std::chrono::system_clock::time_point(std::chrono::microseconds(1'700'000'002'000'003));
  record.request_id = "volume-1";
  record.asked_size_mib = 1024;
  record.asked_clone_of = "template";
  record.asked_quota_path = "images/web.raw";
  record.quota_mib = 1000;
  record.image_bytes = 999 * 1024 * 1024 + 512;
  record.cuts = "1 2,3,4";
  record.new_disk_mib = 3000;
  return record;
}

}  // namespace flatvm::state
