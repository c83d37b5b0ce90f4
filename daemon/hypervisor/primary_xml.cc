#include "daemon/hypervisor/primary_xml.h"

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/root_ports.h"
#include "daemon/hypervisor/spec_check.h"

namespace flatvm::hypervisor {
namespace {

// Reading keeps comments, whitespace and character data, and writing uses libvirt's quotes, so that
// what flatvm does not touch comes out as it went in.
constexpr unsigned kParseFlags = pugi::parse_full | pugi::parse_ws_pcdata;
constexpr unsigned kWriteFlags =
    pugi::format_raw | pugi::format_no_declaration | pugi::format_attribute_single_quote;

absl::StatusOr<pugi::xml_node> LoadDomain(const std::string& xml, pugi::xml_document* document) {
  const pugi::xml_parse_result parsed =
      document->load_buffer(xml.data(), xml.size(), kParseFlags, pugi::encoding_utf8);
  if (!parsed) return base::InternalError(base::StrCat("primary's XML: ", parsed.description()));
  const pugi::xml_node domain = document->child("domain");
  if (!domain.child("devices")) return base::InternalError("primary's XML has no domain devices");
  return domain;
}

// `original` is what the document was read from: whitespace behind the root is not in the tree.
std::string Write(const pugi::xml_document& document, const std::string& original) {
  std::ostringstream text;
  document.save(text, "", kWriteFlags, pugi::encoding_utf8);
  return text.str() + original.substr(original.find_last_not_of(" \t\r\n") + 1);
}

// The domain's attributes and every child of it and of its devices as text, the devices sorted;
// empty if `xml` is no domain.
std::vector<std::string> PartsOf(const std::string& xml) {
  pugi::xml_document document;
  std::vector<std::string> parts;
  std::vector<std::string> devices;
  if (!document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8))
    return parts;
  const auto text_of = [](const pugi::xml_node& node) {
    std::ostringstream text;
    node.print(text, "", kWriteFlags, pugi::encoding_utf8);
    return text.str();
  };
  const pugi::xml_node domain = document.child("domain");
  for (const pugi::xml_attribute& attribute : domain.attributes()) {
    parts.push_back(base::StrCat(attribute.name(), "=", attribute.value()));
  }
  for (const pugi::xml_node child : domain) {
    if (std::string_view(child.name()) != "devices") {
      parts.push_back(text_of(child));
      continue;
    }
    for (const pugi::xml_node device : child) devices.push_back(text_of(device));
  }
  std::sort(devices.begin(), devices.end());
  parts.insert(parts.end(), devices.begin(), devices.end());
  return parts;
}

pugi::xml_node EnsureChild(pugi::xml_node parent, const char* name) {
  const pugi::xml_node found = parent.child(name);
  return found ? found : parent.append_child(name);
}

void SetAttribute(pugi::xml_node node, const char* name, const std::string& value) {
  pugi::xml_attribute attribute = node.attribute(name);
  if (!attribute) attribute = node.append_attribute(name);
  attribute.set_value(value.c_str());
}

// The NIC that this attachment added or would add.
pugi::xml_node FindNic(const pugi::xml_node& devices, const PrimaryAttachment& attachment) {
  for (const pugi::xml_node& nic : devices.children("interface")) {
    const std::string mac = nic.child("mac").attribute("address").value();
    if (absl::AsciiStrToLower(mac) == attachment.mac) return nic;
  }
  return {};
}

bool IsOn(const pugi::xml_node& nic, const std::string& network) {
  return std::string_view(nic.attribute("type").value()) == "network" &&
         nic.child("source").attribute("network").value() == network;
}

bool HasCid(const pugi::xml_node& cid, base::VsockCid value) {
  return std::string_view(cid.attribute("auto").value()) != "yes" &&
         cid.attribute("address").as_uint() == value.value;
}

bool HasElements(const pugi::xml_node& node) {
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() == pugi::node_element) return true;
  }
  return false;
}

// How many root ports the attachment adds to `domain`, which has not got it: its own devices take
// some too.
uint32_t MissingPorts(const pugi::xml_node& domain, const PrimaryAttachment& attachment) {
  if (attachment.hotplug_slots == 0 || !IsQ35(domain)) return 0;
  const pugi::xml_node devices = domain.child("devices");
  const uint32_t new_devices =
      (FindNic(devices, attachment) ? 0U : 1U) + (devices.child("vsock") ? 0U : 1U);
  const uint32_t wanted = attachment.hotplug_slots + new_devices;
  return wanted - std::min(wanted, CountFreeRootPorts(domain));
}

// All return whether they changed something.
bool AttachVsock(pugi::xml_node devices, base::VsockCid cid) {
  pugi::xml_node vsock = devices.child("vsock");
  if (HasCid(vsock.child("cid"), cid)) return false;
  if (!vsock) {
    vsock = devices.append_child("vsock");
    SetAttribute(vsock, "model", "virtio");
  }
  const pugi::xml_node element = EnsureChild(vsock, "cid");
  SetAttribute(element, "auto", "no");
  SetAttribute(element, "address", base::StrCat(cid.value));
  return true;
}

bool AttachPartition(pugi::xml_node domain, const std::string& partition) {
  if (domain.child("resource").child_value("partition") == partition) return false;
  EnsureChild(EnsureChild(domain, "resource"), "partition").text().set(partition.c_str());
  return true;
}

absl::StatusOr<bool> AttachNic(pugi::xml_node devices, const PrimaryAttachment& attachment) {
  if (const pugi::xml_node nic = FindNic(devices, attachment)) {
    if (IsOn(nic, attachment.network)) return false;
    return base::InternalError("the primary has a NIC with the MAC of its tenant's, elsewhere");
  }
  pugi::xml_node nic = devices.append_child("interface");
  SetAttribute(nic, "type", "network");
  SetAttribute(nic.append_child("mac"), "address", attachment.mac);
  SetAttribute(nic.append_child("source"), "network", attachment.network);
  SetAttribute(nic.append_child("target"), "dev", base::TapName(attachment.mac));
  SetAttribute(nic.append_child("model"), "type", "virtio");
  return true;
}

bool DetachVsock(pugi::xml_node devices, const pugi::xml_node& before_devices, base::VsockCid cid) {
  pugi::xml_node vsock = devices.child("vsock");
  if (!HasCid(vsock.child("cid"), cid)) return false;
  const pugi::xml_node before = before_devices.child("vsock");
  if (!before) return devices.remove_child(vsock);
  const pugi::xml_node old = before.child("cid");
  if (!old) return vsock.remove_child("cid");
  pugi::xml_node restored = vsock.child("cid");
  restored.remove_attributes();
  for (const pugi::xml_attribute& attribute : old.attributes()) restored.append_copy(attribute);
  return !HasCid(old, cid);
}

bool DetachPartition(pugi::xml_node domain, const pugi::xml_node& before,
                     const std::string& partition) {
  pugi::xml_node resource = domain.child("resource");
  if (resource.child_value("partition") != partition) return false;
  const pugi::xml_node old = before.child("resource").child("partition");
  if (old) {
    resource.child("partition").text().set(old.child_value());
    return old.child_value() != partition;
  }
  resource.remove_child("partition");
  if (!HasElements(resource)) domain.remove_child(resource);
  return true;
}

bool DetachNic(pugi::xml_node devices, const pugi::xml_node& before_devices,
               const PrimaryAttachment& attachment) {
  if (FindNic(before_devices, attachment)) return false;  // the operator's own
  const pugi::xml_node nic = FindNic(devices, attachment);
  return nic && IsOn(nic, attachment.network) && devices.remove_child(nic);
}

}  // namespace

absl::StatusOr<std::string> BuildAttachedXml(const std::string& definition,
                                             const PrimaryAttachment& attachment) {
  FLATVM_RETURN_IF_ERROR(CheckAttachment(attachment));
  pugi::xml_document document;
  FLATVM_ASSIGN_OR_RETURN(const pugi::xml_node domain, LoadDomain(definition, &document));
  const pugi::xml_node devices = domain.child("devices");
  const uint32_t ports = MissingPorts(domain, attachment);
  FLATVM_ASSIGN_OR_RETURN(const bool nic_added, AttachNic(devices, attachment));
  const bool vsock_changed = AttachVsock(devices, attachment.cid);
  const bool partition_changed = AttachPartition(domain, attachment.partition);
  if (!nic_added && !vsock_changed && !partition_changed && ports == 0) return definition;
  AppendRootPorts(domain, ports);
  return Write(document, definition);
}

absl::StatusOr<std::string> BuildDetachedXml(const std::string& definition,
                                             const std::string& before,
                                             const PrimaryAttachment& attachment) {
  FLATVM_RETURN_IF_ERROR(CheckAttachment(attachment));
  pugi::xml_document document;
  pugi::xml_document before_document;
  FLATVM_ASSIGN_OR_RETURN(const pugi::xml_node domain, LoadDomain(definition, &document));
  FLATVM_ASSIGN_OR_RETURN(const pugi::xml_node before_domain, LoadDomain(before, &before_document));
  const pugi::xml_node devices = domain.child("devices");
  const pugi::xml_node before_devices = before_domain.child("devices");
  const bool had_vsock = DetachVsock(devices, before_devices, attachment.cid);
  const bool had_partition = DetachPartition(domain, before_domain, attachment.partition);
  const bool had_nic = DetachNic(devices, before_devices, attachment);
  // They came together. Where none of the others is left, spare ports are somebody else's.
  if (had_vsock || had_partition || had_nic) {
    RemoveRootPorts(domain, before_domain, MissingPorts(before_domain, attachment));
  }
  return Write(document, definition);
}

bool SameDefinition(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const std::vector<std::string> parts_of_a = PartsOf(a);
  return !parts_of_a.empty() && parts_of_a == PartsOf(b);
}

absl::StatusOr<std::string> BuildRestoredXml(const std::string& definition,
                                             const PrimaryUndo& undo) {
  if (definition == undo.before_xml || SameDefinition(definition, undo.after_xml)) {
    return undo.before_xml;
  }
  return BuildDetachedXml(definition, undo.before_xml, undo.attachment);
}

}  // namespace flatvm::hypervisor
