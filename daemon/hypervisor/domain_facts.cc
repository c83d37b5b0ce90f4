#include "daemon/hypervisor/domain_facts.h"

#include <limits>
#include <map>
#include <pugixml.hpp>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/libvirt/metadata.h"

namespace flatvm::hypervisor {
namespace {

// libvirt writes KiB, whatever it was given; people's own XML may say otherwise.
uint64_t BytesOfUnit(std::string_view unit) {
  static const std::map<std::string_view, uint64_t> kUnits = {
      {"b", 1},
      {"bytes", 1},
      {"", 1ULL << 10U},
      {"k", 1ULL << 10U},
      {"KiB", 1ULL << 10U},
      {"M", 1ULL << 20U},
      {"MiB", 1ULL << 20U},
      {"G", 1ULL << 30U},
      {"GiB", 1ULL << 30U},
      {"T", 1ULL << 40U},
      {"TiB", 1ULL << 40U},
      {"KB", 1'000},
      {"MB", 1'000'000},
      {"GB", 1'000'000'000},
      {"TB", 1'000'000'000'000},
  };
  const auto it = kUnits.find(unit);
  return it == kUnits.end() ? 0 : it->second;
}

// 0 if it cannot be read or does not fit.
uint32_t ReadMemoryMib(const pugi::xml_node& memory) {
  const uint64_t unit = BytesOfUnit(memory.attribute("unit").value());
  const uint64_t amount = memory.text().as_ullong();
  if (unit == 0 || amount > std::numeric_limits<uint64_t>::max() / unit) return 0;
  const uint64_t bytes = amount * unit;
  const uint64_t mib = bytes / base::kMebibyte + (bytes % base::kMebibyte == 0 ? 0 : 1);
  return mib > std::numeric_limits<uint32_t>::max() ? 0 : static_cast<uint32_t>(mib);
}

// The child of <metadata> in flatvm's namespace, whatever prefix it has.
pugi::xml_node FindOurMetadata(const pugi::xml_node& domain) {
  for (const pugi::xml_node& child : domain.child("metadata").children()) {
    const std::string_view name = child.name();
    const size_t colon = name.find(':');
    const std::string declaration =
        colon == std::string_view::npos ? "xmlns" : base::StrCat("xmlns:", name.substr(0, colon));
    if (std::string_view(child.attribute(declaration.c_str()).value()) == libvirt::kMetadataUri) {
      return child;
    }
  }
  return {};
}

}  // namespace

absl::StatusOr<DomainFacts> ParseDomainXml(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(xml.data(), xml.size());
  if (!parsed) return base::InternalError(base::StrCat("domain XML: ", parsed.description()));
  const pugi::xml_node domain = document.child("domain");
  DomainFacts facts{.uuid = domain.child_value("uuid"),
                    .name = domain.child_value("name"),
                    .id = domain.attribute("id").as_int(kNotRunning),
                    .memory_mib = ReadMemoryMib(domain.child("memory")),
                    .vcpus = domain.child("vcpu").text().as_uint(),
                    .partition = domain.child("resource").child_value("partition"),
                    .balloon = ReadBalloonFacts(domain)};
  if (!base::IsUuid(facts.uuid) || facts.name.empty() || facts.memory_mib == 0 ||
      facts.vcpus == 0) {
    return base::InternalError("domain XML without name, UUID, memory or vCPUs");
  }
  const pugi::xml_node devices = domain.child("devices");
  facts.cid.value = devices.child("vsock").child("cid").attribute("address").as_uint();
  for (const pugi::xml_node& nic : devices.children("interface")) {
    facts.macs.emplace_back(nic.child("mac").attribute("address").value());
  }
  const pugi::xml_node ours = FindOurMetadata(domain);
  const std::string tenant = ours.attribute("tenant").value();
  const std::string vm_id = ours.attribute("id").value();
  if (base::IsName(tenant) && base::IsUuid(vm_id)) {
    facts.tenant = tenant;
    facts.vm_id = vm_id;
  }
  return facts;
}

}  // namespace flatvm::hypervisor
