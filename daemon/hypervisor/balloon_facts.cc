#include "daemon/hypervisor/balloon_facts.h"

#include <algorithm>
#include <initializer_list>
#include <pugixml.hpp>
#include <string_view>

namespace flatvm::hypervisor {
namespace {

bool HasBalloon(const pugi::xml_node& devices) {
  const std::string_view model = devices.child("memballoon").attribute("model").value();
  return !model.empty() && model != "none";
}

bool HasDevice(const pugi::xml_node& devices, const char* name,
               std::initializer_list<std::string_view> types) {
  const auto nodes = devices.children(name);
  return std::any_of(nodes.begin(), nodes.end(), [&](const pugi::xml_node& device) {
    const std::string_view type = device.attribute("type").value();
    return std::find(types.begin(), types.end(), type) != types.end();
  });
}

// VFIO and vDPA pin all of the guest's memory. QEMU then takes the balloon's pages and discards
// none (virtio_balloon_inhibited), so the guest would lose what the host does not get.
bool HasPassthrough(const pugi::xml_node& devices) {
  return HasDevice(devices, "hostdev", {"pci", "mdev"}) ||
         HasDevice(devices, "interface", {"hostdev", "vdpa"}) ||
         HasDevice(devices, "disk", {"nvme"});
}

// <memory> of the domain counts every kind, QEMU's balloon only the initial memory and DIMMs.
bool HasUncountedMemory(const pugi::xml_node& devices) {
  const auto nodes = devices.children("memory");
  return std::any_of(nodes.begin(), nodes.end(), [](const pugi::xml_node& device) {
    return std::string_view(device.attribute("model").value()) != "dimm";
  });
}

std::string FindLack(const pugi::xml_node& domain) {
  const pugi::xml_node devices = domain.child("devices");
  const pugi::xml_node backing = domain.child("memoryBacking");
  if (!HasBalloon(devices)) return "it has no memory balloon device";
  if (backing.child("hugepages")) return "it uses huge pages";
  if (backing.child("locked")) return "its memory is locked";
  if (HasPassthrough(devices)) return "it has devices passed through";
  if (HasUncountedMemory(devices)) return "it has memory that its balloon does not count";
  if (domain.child("launchSecurity")) return "it is a confidential VM";
  return {};
}

}  // namespace

BalloonFacts ReadBalloonFacts(const pugi::xml_node& domain) {
  const pugi::xml_node devices = domain.child("devices");
  const pugi::xml_node balloon = devices.child("memballoon");
  return BalloonFacts{
      .present = HasBalloon(devices),
      .report_period_s = balloon.child("stats").attribute("period").as_uint(),
      .lack = FindLack(domain),
  };
}

}  // namespace flatvm::hypervisor
