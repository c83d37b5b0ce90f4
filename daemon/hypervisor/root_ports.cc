#include "daemon/hypervisor/root_ports.h"

#include <algorithm>
#include <limits>
#include <pugixml.hpp>
#include <set>
#include <string_view>
#include <vector>

namespace flatvm::hypervisor {
namespace {

constexpr uint32_t kNoIndex = std::numeric_limits<uint32_t>::max();

bool Has(const pugi::xml_node& node, const char* attribute, std::string_view value) {
  return node.attribute(attribute).value() == value;
}

// The number of the bus behind it, by which addresses name it.
uint32_t IndexOf(const pugi::xml_node& port) { return port.attribute("index").as_uint(kNoIndex); }

std::vector<pugi::xml_node> RootPorts(const pugi::xml_node& domain) {
  std::vector<pugi::xml_node> ports;
  for (const pugi::xml_node& controller : domain.child("devices").children("controller")) {
    if (Has(controller, "type", "pci") && Has(controller, "model", "pcie-root-port")) {
      ports.push_back(controller);
    }
  }
  return ports;
}

std::set<uint32_t> PciIndices(const pugi::xml_node& domain) {
  std::set<uint32_t> indices;
  for (const pugi::xml_node& controller : domain.child("devices").children("controller")) {
    if (Has(controller, "type", "pci")) indices.insert(IndexOf(controller));
  }
  indices.erase(kNoIndex);
  return indices;
}

// Buses that have a device.
std::set<uint32_t> UsedBuses(const pugi::xml_node& domain) {
  std::set<uint32_t> buses;
  for (const pugi::xml_node& device : domain.child("devices").children()) {
    for (const pugi::xml_node& address : device.children("address")) {
      if (Has(address, "type", "pci")) buses.insert(address.attribute("bus").as_uint());
    }
  }
  return buses;
}

}  // namespace

bool IsQ35(const pugi::xml_node& domain) {
  const std::string_view machine = domain.child("os").child("type").attribute("machine").value();
  return machine.starts_with("q35") || machine.starts_with("pc-q35");
}

uint32_t CountFreeRootPorts(const pugi::xml_node& domain) {
  const std::set<uint32_t> used = UsedBuses(domain);
  const std::vector<pugi::xml_node> ports = RootPorts(domain);
  return static_cast<uint32_t>(
      std::count_if(ports.begin(), ports.end(), [&](const pugi::xml_node& port) {
        return !used.contains(IndexOf(port)) && !Has(port.child("target"), "hotplug", "off");
      }));
}

void AppendRootPorts(pugi::xml_node domain, uint32_t count) {
  pugi::xml_node devices = domain.child("devices");
  for (uint32_t i = 0; i < count; ++i) {
    pugi::xml_node port = devices.append_child("controller");
    port.append_attribute("type").set_value("pci");
    port.append_attribute("model").set_value("pcie-root-port");
  }
}

void RemoveRootPorts(pugi::xml_node domain, const pugi::xml_node& before, uint32_t count) {
  std::set<uint32_t> kept = UsedBuses(domain);
  kept.merge(PciIndices(before));
  std::vector<pugi::xml_node> ports = RootPorts(domain);
  std::stable_sort(
      ports.begin(), ports.end(),
      [](const pugi::xml_node& a, const pugi::xml_node& b) { return IndexOf(a) < IndexOf(b); });
  for (; count > 0 && !ports.empty() && !kept.contains(IndexOf(ports.back())); --count) {
    domain.child("devices").remove_child(ports.back());
    ports.pop_back();
  }
}

}  // namespace flatvm::hypervisor
