// The disks in a primary's XML, and one more for it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/hypervisor/primary_disks.h"

namespace flatvm::hypervisor {

// A disk as XML has it; somebody else's perhaps.
struct FoundDisk {
  std::string path;    // of its file; empty: it has none
  std::string target;  // such as "vdb"; unique in a domain
  std::string alias;   // libvirt's name for QEMU's device; empty in a definition
  std::string xml;     // the whole <disk>
};

struct DiskFacts {
  bool running = false;  // the XML is that of a running instance
  bool has_slot = true;  // a disk can be plugged in while it runs, as far as XML tells
  std::vector<FoundDisk> disks;
};

// Reads XML as virDomainGetXMLDesc gives it, live or inactive. Errors: INTERNAL if it is no
// domain's.
absl::StatusOr<DiskFacts> ParseDisks(std::string_view domain_xml);

// The one with this file, if there is one.
std::optional<FoundDisk> FindDisk(const DiskFacts& facts, const std::string& path);

// The lowest of vda, vdb, … that neither has.
std::string FreeTarget(const DiskFacts& live, const DiskFacts& defined);

// The XML of `disk` as device `target`. Errors: INTERNAL naming the field that is not acceptable.
absl::StatusOr<std::string> BuildDiskXml(const PrimaryDisk& disk, const std::string& target);

}  // namespace flatvm::hypervisor
