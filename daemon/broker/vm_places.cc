#include "daemon/broker/vm_places.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"
#include "daemon/broker/tenant_plan.h"
#include "network/address_pool.h"

namespace flatvm::broker {
namespace {

constexpr const char* kField = "spec.networks";

// Addresses of a further network, less those that secondaries have.
absl::StatusOr<network::AddressPool> AddressesOf(const TenantEntry& tenant,
                                                 const NetworkRecord& network) {
  network::AddressPool addresses(network.subnet);
  for (const auto& [id, vm] : tenant.vms) {
    for (const NicRecord& nic : vm.nics) {
      if (nic.network != network.name) continue;
      FLATVM_RETURN_IF_ERROR(addresses.Take(nic.address));
    }
  }
  return addresses;
}

// Of a NIC on an operator's bridge, where machines of other hosts are: QEMU's first byte, which
// makes it a local one, and 40 bits of a random UUID.
std::string RandomMac() {
  constexpr size_t kBytes = 5;
  std::string digits = base::NewUuid();
  digits.erase(std::remove(digits.begin(), digits.end(), '-'), digits.end());
  std::string mac = "52";
  for (size_t i = 0; i < kBytes; ++i) mac += base::StrCat(":", digits.substr(2 * i, 2));
  return mac;
}

absl::StatusOr<NicRecord> PlaceOn(const TenantEntry& tenant, const NetworkRecord& network) {
  if (network.mode == network::NetworkMode::kBridge) {
    return NicRecord{.network = network.name, .mac = RandomMac()};
  }
  FLATVM_ASSIGN_OR_RETURN(network::AddressPool addresses, AddressesOf(tenant, network));
  const absl::StatusOr<network::Ipv4Address> address = addresses.Allocate();
  if (!address.ok()) {
    return base::WithContext(address.status(), base::StrCat("network \"", network.name, "\""));
  }
  NicRecord nic{.network = network.name, .address = *address};
  nic.mac = network::MacFor(nic.address);
  if (network.prefix) nic.ipv6_address = network::AddressOf(*network.prefix, nic.mac);
  return nic;
}

}  // namespace

std::vector<Place> PlacesOf(const VmRecord& vm) {
  const std::string& name = vm.spec.name;
  std::vector<Place> places = {{.network = {.tenant = vm.tenant},
                                .lease = {.hostname = name, .mac = vm.mac, .address = vm.address}}};
  for (const NicRecord& nic : vm.nics) {
    places.push_back({.network = {.tenant = vm.tenant, .network = nic.network},
                      .lease = {.hostname = name, .mac = nic.mac, .address = nic.address}});
  }
  return places;
}

absl::StatusOr<std::vector<NetworkRecord>> FindNetworks(const TenantEntry& tenant,
                                                        const VmSpec& spec) {
  std::vector<NetworkRecord> networks;
  for (const std::string& name : spec.networks) {
    FLATVM_ASSIGN_OR_RETURN(const NetworkRecord* network,
                            RegistryState::GetNetwork(tenant, kField, name));
    networks.push_back(*network);
  }
  return networks;
}

absl::Status TakePlaces(TenantEntry& tenant, const std::vector<NetworkRecord>& networks,
                        VmRecord* vm) {
  std::vector<NicRecord> nics;
  for (const NetworkRecord& network : networks) {
    FLATVM_ASSIGN_OR_RETURN(NicRecord nic, PlaceOn(tenant, network));
    nics.push_back(std::move(nic));
  }
  FLATVM_ASSIGN_OR_RETURN(vm->address, tenant.addresses.Allocate());
  vm->mac = network::MacFor(vm->address);
  vm->ipv6_address = Ipv6AddressOf(tenant.record, vm->mac);
  vm->nics = std::move(nics);
  return absl::OkStatus();
}

absl::Status TakeRecordedPlaces(TenantEntry& tenant, const VmRecord& vm) {
  for (const NicRecord& nic : vm.nics) {
    FLATVM_ASSIGN_OR_RETURN(const NetworkRecord* network,
                            RegistryState::GetNetwork(tenant, "network", nic.network));
    if (network->mode == network::NetworkMode::kBridge) continue;
    FLATVM_ASSIGN_OR_RETURN(network::AddressPool addresses, AddressesOf(tenant, *network));
    FLATVM_RETURN_IF_ERROR(addresses.Take(nic.address));
  }
  return tenant.addresses.Take(vm.address);
}

void GivePlacesBack(TenantEntry& tenant, const VmRecord& vm) {
  tenant.addresses.Remove(vm.address);
}

}  // namespace flatvm::broker
