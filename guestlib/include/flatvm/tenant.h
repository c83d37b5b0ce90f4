// Tenants as plain data: what is limited, promised, granted and really used.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flatvm/export.h"
#include "flatvm/network.h"

namespace flatvm {

// An amount of everything that is limited.
struct Resources {
  uint32_t memory_mib = 0;  // MiB
  uint32_t vcpus = 0;
  uint32_t vms = 0;       // secondaries
  uint32_t disk_mib = 0;  // MiB

  bool operator==(const Resources&) const = default;
};

// What may be read from and written to the host's device that holds the tenant's disks, each
// second. 0: no limit.
struct IoLimits {
  uint64_t read_bytes = 0;
  uint64_t write_bytes = 0;
  uint64_t read_operations = 0;
  uint64_t write_operations = 0;

  bool operator==(const IoLimits&) const = default;
};

// Where a secondary's memory and CPU time come from.
enum class CarveMode : int {
  kReserved = 1,  // from the part of the limits that the primary does not have
  kBalloon = 2,   // from the primary, by its balloon and its quota; a destroy gives both back
};

// "reserved" or "balloon"; "unknown" for one that this version does not know. Thread-safe.
FLATVM_EXPORT const char* CarveModeName(CarveMode mode);

struct Carve {
  CarveMode mode = CarveMode::kReserved;
  uint32_t primary_min_memory_mib = 0;  // MiB that the primary keeps in kBalloon; else 0

  bool operator==(const Carve&) const = default;
};

// The share of the last ten seconds in which some, or all, of the tenant's tasks waited for a
// resource; 0..100.
struct Pressure {
  double some_percent = 0;
  double full_percent = 0;

  bool operator==(const Pressure&) const = default;
};

// What the tenant really uses, by the host kernel's count. What only rises counts since the
// tenant's slice was made, which a reboot of the host does anew.
struct Usage {
  uint64_t memory_bytes = 0;  // guests, VMMs, and page cache that goes when it is needed
  uint64_t oom_kills = 0;     // rises: processes killed because the tenant's memory was used up
  std::chrono::microseconds cpu_time{0};        // rises
  std::chrono::microseconds throttled_time{0};  // rises: waited for the tenant's own CPU limit
  uint64_t tasks = 0;                           // threads on the host
  uint64_t read_bytes = 0;                      // rises: from all of the host's devices
  uint64_t write_bytes = 0;                     // rises
  Pressure memory_pressure;
  Pressure cpu_pressure;
  Pressure io_pressure;

  bool operator==(const Usage&) const = default;
};

enum class PrimaryState : int { kUnspecified = 0, kUndefined = 1, kShutOff = 2, kRunning = 3 };

// "running", "shut-off", "undefined"; "unknown" for one that this version does not know.
// Thread-safe.
FLATVM_EXPORT const char* PrimaryStateName(PrimaryState state);

// The VM that this program runs in, as its host sees it. The last four are 0 if the host is too old
// to say them.
struct Primary {
  PrimaryState state = PrimaryState::kUnspecified;
  uint32_t cid = 0;                  // vsock CID
  std::string mac;                   // of its NIC on the tenant network
  std::string address;               // IPv4 on the tenant network
  bool needs_restart = false;        // it lacks what its definition has: shut down and start again
  uint32_t memory_mib = 0;           // MiB it is defined with
  uint32_t vcpus = 0;                // it is defined with
  uint32_t granted_memory_mib = 0;   // MiB it has while its secondaries have theirs
  uint32_t granted_cpu_percent = 0;  // of one CPU, likewise
  std::string ipv6_address;          // on the tenant network; empty: the tenant has no IPv6

  bool operator==(const Primary&) const = default;
};

// The caller's tenant. vms counts secondaries only; memory and vCPUs include the primary's share.
struct Tenant {
  std::string name;
  Resources limits;
  Resources used;  // promised, whatever of it is really used
  Resources left;
  Primary primary;
  std::string subnet;             // CIDR, such as "10.213.4.0/24"
  std::string gateway;            // IPv4
  uint32_t vmm_overhead_mib = 0;  // MiB that each VM counts beside its guest memory
  std::chrono::system_clock::time_point created_at;  // the host's clock; the epoch: not said
  IoLimits io;
  std::string cpus;  // the host's CPUs that it runs on, such as "2-5,8"; empty: not said, or all
  Carve carve;
  uint32_t quota_disk_mib = 0;  // MiB that the quota disk has now; 0: there is none
  std::optional<Usage> usage;   // none if the host cannot tell
  NetworkMode network_mode = NetworkMode::kNat;
  std::string ipv6_subnet;   // CIDR, such as "fd12:3456:789a:4::/64"; empty: there is no IPv6
  std::string ipv6_gateway;  // empty likewise
  NetworkLimits net;
  std::vector<Network> networks;  // beside the first, which the members above are about

  bool operator==(const Tenant&) const = default;
};

}  // namespace flatvm
