#include "daemon/ctl/network_command.h"

#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "daemon/base/uuid.h"
#include "daemon/ctl/option_values.h"
#include "daemon/ctl/render_text.h"

namespace flatvm::ctl {
namespace {

using base::EscapeForTerminal;
using base::StrCat;
using Stub = v1::Admin::Stub;

absl::StatusOr<NetworkCommand> Add(const Words& words) {
  v1::AddNetworkRequest request;
  request.set_tenant(words.tenant_name);
  request.set_name(words.network_name);
  request.set_validate_only(words.validate_only);
  FLATVM_ASSIGN_OR_RETURN(const v1::NetworkMode mode,
                          ParseFurtherMode("--network", words.limits.network.value_or("")));
  request.set_mode(mode);
  request.set_bridge(words.bridge.value_or(""));
  const bool bridged = mode == v1::NETWORK_BRIDGE;
  if (bridged && request.bridge().empty()) {
    return base::FieldError(base::Reason::kFieldMissing, "--bridge",
                            "is required with --network bridge");
  }
  if (!bridged && (words.bridge.has_value() || words.vlan.has_value())) {
    return base::FieldError(base::Reason::kFieldMalformed,
                            words.bridge.has_value() ? "--bridge" : "--vlan",
                            "means nothing without --network bridge");
  }
  if (words.vlan.has_value()) {
    FLATVM_ASSIGN_OR_RETURN(const uint32_t vlan, ParseCount("--vlan", *words.vlan));
    if (vlan == 0) {
      return base::FieldError(base::Reason::kFieldOutOfRange, "--vlan", "must be 1..4094");
    }
    request.set_vlan(vlan);
  }
  return request;
}

NetworkCommand Remove(const Words& words) {
  v1::RemoveNetworkRequest request;
  request.set_tenant(words.tenant_name);
  request.set_name(words.network_name);
  request.set_validate_only(words.validate_only);
  return request;
}

NetworkCommand List(const Words& words) {
  v1::ListNetworksRequest request;
  request.set_tenant(words.tenant_name);
  return request;
}

// Traffic is null if it is not told.
Json ListedNetworkJson(const v1::Network& network) {
  Json json = NetworkJson(network);
  json.emplace("vms", network.vms());
  json.emplace("traffic", network.has_traffic() ? TrafficJson(network.traffic()) : Json());
  return json;
}

uint64_t ExceededOf(const v1::Network& network) {
  const v1::Exceeded& exceeded = network.traffic().exceeded();
  return exceeded.out() + exceeded.in() + exceeded.vm_out() + exceeded.vm_in();
}

// Carries one out: an operator() for each.
struct Runner {
  bool json;
  AdminClient& client;
  std::ostream& out;

  absl::Status operator()(v1::AddNetworkRequest request) const {
    request.set_request_id(base::NewUuid());
    const auto answer = client.Call(&Stub::AddNetwork, request);
    if (!answer.ok()) return answer.status();
    if (json) return Print(DumpJson(ListedNetworkJson(answer->network())));
    const std::string& subnet = answer->network().subnet();
    return Print(EscapeForTerminal(StrCat(request.validate_only() ? "would add" : "added",
                                          " network ", request.name(), " to tenant ",
                                          request.tenant(), subnet.empty() ? "" : ": ", subnet)) +
                 "\n");
  }

  absl::Status operator()(v1::RemoveNetworkRequest request) const {
    request.set_request_id(base::NewUuid());
    const absl::Status status = client.Call(&Stub::RemoveNetwork, request).status();
    // A first attempt may have done it before the connection was lost.
    const bool done_before = base::GetErrorInfo(status).reason == base::Reason::kNetworkNotFound &&
                             client.attempts() > 1;
    if (!status.ok() && !done_before) return status;
    if (json) return Print(DumpJson({{"tenant", request.tenant()}, {"name", request.name()}}));
    return Print(
        EscapeForTerminal(StrCat(request.validate_only() ? "would remove" : "removed", " network ",
                                 request.name(), " of tenant ", request.tenant())) +
        "\n");
  }

  absl::Status operator()(const v1::ListNetworksRequest& request) const {
    const auto answer = client.Call(&Stub::ListNetworks, request);
    if (!answer.ok()) return answer.status();
    if (!json) return Print(NetworkTable(answer->networks()));
    Json networks = Json::array();
    for (const v1::Network& network : answer->networks()) {
      networks.push_back(ListedNetworkJson(network));
    }
    return Print(DumpJson({{"networks", networks}}));
  }

  absl::Status Print(const std::string& text) const {
    out << text;
    return absl::OkStatus();
  }
};

}  // namespace

absl::StatusOr<NetworkCommand> ParseNetworkCommand(const Words& words) {
  if (words.command == CommandWord::kNetworkAdd) return Add(words);
  return words.command == CommandWord::kNetworkRemove ? Remove(words) : List(words);
}

absl::Status RunNetworkCommand(const NetworkCommand& command, bool json, AdminClient& client,
                               std::ostream& out) {
  return std::visit(Runner{.json = json, .client = client, .out = out}, command);
}

std::string NetworkTable(const google::protobuf::RepeatedPtrField<v1::Network>& networks) {
  if (networks.empty()) return "no networks\n";
  std::vector<std::vector<std::string>> rows;
  for (const v1::Network& network : networks) {
    const auto counted = [&](uint64_t frames) {
      return network.has_traffic() ? StrCat(frames) : std::string("-");
    };
    rows.push_back({network.name(), NetworkModeName(network.mode()), OrDash(network.subnet()),
                    OrDash(network.ipv6_subnet()), StrCat(network.vms()), OrDash(network.network()),
                    BridgeText(network), counted(network.traffic().accepted()),
                    counted(network.traffic().spoofed()), counted(network.traffic().refused()),
                    counted(ExceededOf(network))});
  }
  return base::RenderTable({"NAME", "MODE", "SUBNET", "IPV6", "VMS", "NETWORK", "BRIDGE",
                            "ACCEPTED", "SPOOFED", "REFUSED", "EXCEEDED"},
                           rows);
}

}  // namespace flatvm::ctl
