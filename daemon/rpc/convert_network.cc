#include "daemon/base/error.h"
#include "daemon/rpc/convert.h"

namespace flatvm::rpc {
namespace {

v1::NetworkMode ModeOf(network::NetworkMode mode) {
  switch (mode) {
    case network::NetworkMode::kNat:
      return v1::NETWORK_NAT;
    case network::NetworkMode::kIsolated:
      return v1::NETWORK_ISOLATED;
    case network::NetworkMode::kViaPrimary:
      return v1::NETWORK_VIA_PRIMARY;
    case network::NetworkMode::kBridge:
      return v1::NETWORK_BRIDGE;
  }
  return v1::NETWORK_MODE_UNSPECIFIED;
}

absl::StatusOr<uint16_t> PortOf(const char* field, uint32_t port) {
  if (port >= 1 && port <= UINT16_MAX) return static_cast<uint16_t>(port);
  return base::FieldError(base::Reason::kFieldOutOfRange, field, "must be 1..65535");
}

}  // namespace

void FillNetwork(const std::string& tenant, const broker::NetworkRecord& record, Audience audience,
                 v1::Network* network) {
  const network::NetworkId id{.tenant = tenant, .network = record.name};
  network->set_name(record.name);
  network->set_mode(ModeOf(record.mode));
  if (record.mode == network::NetworkMode::kBridge) {
    if (audience == Audience::kPrimary) return;
    network->set_bridge(record.bridge);
    network->set_vlan(record.vlan);
    return;
  }
  network->set_domain(network::DnsDomain(id));
  if (audience == Audience::kOperator) network->set_network(network::NetworkName(id));
  if (record.subnet == network::Ipv4Subnet{}) return;  // it is not made yet
  network->set_subnet(record.subnet.ToString());
  network->set_gateway(record.subnet.Gateway().ToString());
  if (!record.prefix) return;
  network->set_ipv6_subnet(record.prefix->ToString());
  network->set_ipv6_gateway(record.prefix->Gateway().ToString());
}

void FillNetwork(const std::string& tenant, const broker::NetworkView& view, v1::Network* network) {
  FillNetwork(tenant, view.network, Audience::kOperator, network);
  network->set_vms(view.vms);
  if (view.traffic) FillTraffic(*view.traffic, network->mutable_traffic());
}

void FillNics(const broker::VmRecord& record, v1::Vm* vm) {
  const auto add = [vm](const std::string& network) {
    v1::Nic* const nic = vm->add_nics();
    nic->set_network(network);
    return nic;
  };
  if (record.id.empty()) {
    add(network::kFirstNetwork);
    for (const std::string& network : record.spec.networks) add(network);
    return;
  }
  const auto fill = [&](const broker::NicRecord& record_of) {
    v1::Nic* const nic = add(record_of.network);
    nic->set_mac(record_of.mac);
    if (record_of.address.value != 0) nic->set_address(record_of.address.ToString());
    if (record_of.ipv6_address) nic->set_ipv6_address(record_of.ipv6_address->ToString());
  };
  fill({.network = network::kFirstNetwork,
        .mac = record.mac,
        .address = record.address,
        .ipv6_address = record.ipv6_address});
  for (const broker::NicRecord& nic : record.nics) fill(nic);
}

void FillNetworks(const broker::TenantRecord& record, Audience audience, v1::Tenant* tenant) {
  for (const broker::NetworkRecord& network : record.networks) {
    FillNetwork(record.name, network, audience, tenant->add_networks());
  }
  tenant->set_network_mode(ModeOf(record.network_mode));
  for (const network::PortForward& forward : record.forwards) {
    v1::PortForward* const out = tenant->add_forwards();
    out->set_protocol(forward.protocol == network::Protocol::kTcp ? v1::PROTOCOL_TCP
                                                                  : v1::PROTOCOL_UDP);
    out->set_host_port(forward.host_port);
    out->set_machine(forward.machine);
    out->set_port(forward.port);
  }
  v1::NetworkLimits* const net = tenant->mutable_net();
  net->set_out_bytes(record.ceilings.out);
  net->set_in_bytes(record.ceilings.in);
  net->set_vm_out_bytes(record.ceilings.vm_out);
  net->set_vm_in_bytes(record.ceilings.vm_in);
}

void FillTraffic(const network::Traffic& from, v1::Traffic* to) {
  to->set_accepted(from.accepted);
  to->set_spoofed(from.spoofed);
  to->set_refused(from.refused);
  v1::Exceeded* const exceeded = to->mutable_exceeded();
  exceeded->set_out(from.exceeded.out);
  exceeded->set_in(from.exceeded.in);
  exceeded->set_vm_out(from.exceeded.vm_out);
  exceeded->set_vm_in(from.exceeded.vm_in);
}

network::Ceilings CeilingsOf(const v1::NetworkLimits& net) {
  return {.out = net.out_bytes(),
          .in = net.in_bytes(),
          .vm_out = net.vm_out_bytes(),
          .vm_in = net.vm_in_bytes()};
}

absl::StatusOr<network::NetworkMode> NetworkModeOf(v1::NetworkMode mode, const char* field) {
  switch (mode) {
    case v1::NETWORK_MODE_UNSPECIFIED:
    case v1::NETWORK_NAT:
      return network::NetworkMode::kNat;
    case v1::NETWORK_ISOLATED:
      return network::NetworkMode::kIsolated;
    case v1::NETWORK_VIA_PRIMARY:
      return network::NetworkMode::kViaPrimary;
    case v1::NETWORK_BRIDGE:
      return network::NetworkMode::kBridge;
    default:
      return base::FieldError(base::Reason::kFieldOutOfRange, field,
                              "is none that this version knows");
  }
}

absl::StatusOr<std::vector<network::PortForward>> ForwardsOf(
    const google::protobuf::RepeatedPtrField<v1::PortForward>& forwards) {
  std::vector<network::PortForward> result;
  for (const v1::PortForward& forward : forwards) {
    if (forward.protocol() != v1::PROTOCOL_TCP && forward.protocol() != v1::PROTOCOL_UDP) {
      return base::FieldError(base::Reason::kFieldOutOfRange, "forwards.protocol",
                              "must be TCP or UDP");
    }
    FLATVM_ASSIGN_OR_RETURN(const uint16_t host_port,
                            PortOf("forwards.host_port", forward.host_port()));
    FLATVM_ASSIGN_OR_RETURN(const uint16_t port, PortOf("forwards.port", forward.port()));
    result.push_back({.protocol = forward.protocol() == v1::PROTOCOL_TCP ? network::Protocol::kTcp
                                                                         : network::Protocol::kUdp,
                      .host_port = host_port,
                      .machine = forward.machine(),
                      .port = port});
  }
  return result;
}

}  // namespace flatvm::rpc
