// What flatvm reads out of a domain's XML. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/base/types.h"
#include "daemon/hypervisor/balloon_facts.h"

namespace flatvm::hypervisor {

constexpr int kNotRunning = -1;

struct DomainFacts {
  std::string uuid;
  std::string name;
  int id = kNotRunning;     // libvirt's number of this run of it
  uint32_t memory_mib = 0;  // what it boots with, rounded up
  uint32_t vcpus = 0;       // maximum
  base::VsockCid cid;       // 0: none, or libvirt is yet to choose one
  std::string partition;    // empty: libvirt's default
  std::vector<std::string> macs;
  BalloonFacts balloon;

  // The number of this run, 0 if it does not run: as the port has it.
  uint32_t DomainId() const { return id <= 0 ? 0 : static_cast<uint32_t>(id); }

  // From flatvm's metadata; a secondary has both, a domain of the operator's neither.
  std::string tenant;
  std::string vm_id;
  bool IsSecondary() const { return !vm_id.empty(); }
};

// Reads XML as virDomainGetXMLDesc gives it, live or inactive. Errors: INTERNAL if it is not a
// domain with name, UUID, memory and vCPUs.
absl::StatusOr<DomainFacts> ParseDomainXml(std::string_view xml);

}  // namespace flatvm::hypervisor
