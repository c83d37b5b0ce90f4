// PCIe root ports of a q35 machine in its XML: a device that is plugged in while the machine runs
// needs one that is free. Pure.
#pragma once

#include <cstdint>

namespace pugi {
class xml_node;
}

namespace flatvm::hypervisor {

// Whether `domain` is a q35 machine. The i440fx machine plugs into the slots of its one PCI bus.
bool IsQ35(const pugi::xml_node& domain);

// Root ports of `domain` that have no device behind them and take one while it runs. A device that
// is yet to get its address has none.
uint32_t CountFreeRootPorts(const pugi::xml_node& domain);

// Appends `count` root ports. libvirt gives them their index and address when it defines the
// domain.
void AppendRootPorts(pugi::xml_node domain, uint32_t count);

// Takes up to `count` root ports away, from the highest index down, as far as there is no device
// behind them and `before` has no PCI controller of that index. Thus no gap opens, which libvirt
// would fill, and no port goes whose neighbours in its slot stay.
void RemoveRootPorts(pugi::xml_node domain, const pugi::xml_node& before, uint32_t count);

}  // namespace flatvm::hypervisor
