// /etc/flatvm/flatvmd.json as plain data; config_fields.h knows its names and ranges, and
// parse_config.h its syntax.
#pragma once

#include <cstdint>
#include <string>

namespace flatvm::config {

struct Config {
  std::string state_dir = "/var/lib/flatvm";  // records and secondaries' files, below tenants/
  std::string catalog_dir = "/var/lib/flatvm/catalog";  // one directory an image
  std::string libvirt_uri = "qemu:///system";

  uint32_t vsock_port = 710;            // 1..4294967294
  bool require_privileged_port = true;  // only callers whose source port is below 1024
  uint32_t cid_first = 1000;            // CIDs for primaries and secondaries, rising, this range
  uint32_t cid_last = 0x7FFFFFFF;

  std::string subnet_pool = "10.213.0.0/16";
  uint32_t subnet_prefix_length = 24;  // a tenant's; pool's..29
  // Of tenants' IPv6 addresses: unique local ones, a /40; auto: one that is made once at random;
  // none: machines have link-local ones only.
  std::string ipv6_pool = "auto";
  std::string uplink = "auto";  // interface for NAT; auto: the default route's

  uint32_t vmm_overhead_mib = 64;    // counted for each VM beside its guest memory
  uint32_t front_overhead_mib = 64;  // counted for each tenant
  uint32_t create_timeout_ms = 60'000;
  uint32_t carve_timeout_ms = 15'000;      // for a primary to give memory back
  uint32_t detach_timeout_ms = 10'000;     // for a primary's guest to let go of a disk
  uint32_t import_expiry_ms = 86'400'000;  // of an import without a byte; 0: never
  uint32_t shutdown_timeout_ms = 30'000;   // of a primary at --restart, then by force

  std::string front_program = "/usr/libexec/flatvm/flatvm-front";
  std::string quota_program = "/usr/libexec/flatvm/flatvm-quota";
  std::string import_program = "/usr/libexec/flatvm/flatvm-import";
  std::string qemu_img_program = "/usr/bin/qemu-img";

  bool operator==(const Config&) const = default;
};

}  // namespace flatvm::config
