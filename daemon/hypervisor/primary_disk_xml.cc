#include "daemon/hypervisor/primary_disk_xml.h"

#include <algorithm>
#include <pugixml.hpp>
#include <set>
#include <sstream>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/disk_xml.h"
#include "daemon/hypervisor/root_ports.h"
#include "daemon/hypervisor/spec_check.h"

namespace flatvm::hypervisor {
namespace {

std::string TextOf(const pugi::xml_node& node) {
  std::ostringstream text;
  node.print(text, "", pugi::format_raw | pugi::format_attribute_single_quote, pugi::encoding_utf8);
  return text.str();
}

}  // namespace

absl::StatusOr<DiskFacts> ParseDisks(std::string_view domain_xml) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(
      domain_xml.data(), domain_xml.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) return base::InternalError(base::StrCat("domain XML: ", parsed.description()));
  const pugi::xml_node domain = document.child("domain");
  if (!domain.child("devices")) return base::InternalError("domain XML without devices");
  DiskFacts facts{.running = !domain.attribute("id").empty(),
                  .has_slot = !IsQ35(domain) || CountFreeRootPorts(domain) > 0};
  for (const pugi::xml_node& disk : domain.child("devices").children("disk")) {
    facts.disks.push_back(FoundDisk{.path = disk.child("source").attribute("file").value(),
                                    .target = disk.child("target").attribute("dev").value(),
                                    .alias = disk.child("alias").attribute("name").value(),
                                    .xml = TextOf(disk)});
  }
  return facts;
}

std::optional<FoundDisk> FindDisk(const DiskFacts& facts, const std::string& path) {
  const auto it = std::find_if(facts.disks.begin(), facts.disks.end(),
                               [&](const FoundDisk& disk) { return disk.path == path; });
  if (it == facts.disks.end()) return std::nullopt;
  return *it;
}

std::string FreeTarget(const DiskFacts& live, const DiskFacts& defined) {
  std::set<std::string> taken;
  for (const FoundDisk& disk : live.disks) taken.insert(disk.target);
  for (const FoundDisk& disk : defined.disks) taken.insert(disk.target);
  size_t index = 0;
  while (taken.contains(DiskTarget(index))) ++index;
  return DiskTarget(index);
}

absl::StatusOr<std::string> BuildDiskXml(const PrimaryDisk& disk, const std::string& target) {
  FLATVM_RETURN_IF_ERROR(CheckPrimaryDisk(disk));
  pugi::xml_document document;
  return TextOf(AppendDisk(
      document,
      DomainDisk{.path = disk.path, .format = base::DiskFormat::kRaw, .serial = disk.serial},
      target));
}

}  // namespace flatvm::hypervisor
