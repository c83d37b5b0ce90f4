#include "daemon/hypervisor/disk_xml.h"

#include <pugixml.hpp>

namespace flatvm::hypervisor {
namespace {

void Set(pugi::xml_node node, const char* name, const std::string& value) {
  node.append_attribute(name).set_value(value.c_str());
}

const char* FormatName(base::DiskFormat format) {
  return format == base::DiskFormat::kQcow2 ? "qcow2" : "raw";
}

void AppendBacking(pugi::xml_node backing, const DomainDisk& disk) {
  Set(backing, "type", "file");
  Set(backing.append_child("format"), "type", FormatName(disk.backing_format));
  pugi::xml_node source = backing.append_child("source");
  Set(source, "file", disk.backing_path);
  if (!disk.backing_is_private) {
    pugi::xml_node label = source.append_child("seclabel");
    Set(label, "model", "dac");
    Set(label, "relabel", "no");
  }
  backing.append_child("backingStore");
}

}  // namespace

std::string DiskTarget(size_t index) {
  constexpr size_t kLetters = 26;
  std::string letters;
  for (size_t rest = index + 1; rest > 0; rest = (rest - 1) / kLetters) {
    letters.insert(letters.begin(), static_cast<char>('a' + (rest - 1) % kLetters));
  }
  return "vd" + letters;
}

pugi::xml_node AppendDisk(pugi::xml_node devices, const DomainDisk& disk,
                          const std::string& target) {
  pugi::xml_node node = devices.append_child("disk");
  Set(node, "type", "file");
  Set(node, "device", "disk");
  pugi::xml_node driver = node.append_child("driver");
  Set(driver, "name", "qemu");
  Set(driver, "type", FormatName(disk.format));
  Set(driver, "cache", "none");
  Set(driver, "discard", "unmap");
  Set(node.append_child("source"), "file", disk.path);
  const pugi::xml_node backing = node.append_child("backingStore");  // empty: there is none
  if (!disk.backing_path.empty()) AppendBacking(backing, disk);
  pugi::xml_node place = node.append_child("target");
  Set(place, "dev", target);
  Set(place, "bus", "virtio");
  if (!disk.serial.empty()) node.append_child("serial").text().set(disk.serial.c_str());
  return node;
}

}  // namespace flatvm::hypervisor
