// `flatvmctl tenant network …`: its words as requests, carried out, and how answers look.
#pragma once

#include <ostream>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/ctl/admin_client.h"
#include "daemon/ctl/grammar.h"
#include "daemon/ctl/render_json.h"
#include "flatvm/v1/admin.pb.h"

namespace flatvm::ctl {

using NetworkCommand =
    std::variant<v1::AddNetworkRequest, v1::RemoveNetworkRequest, v1::ListNetworksRequest>;

// `words.command` is one of networks. Errors: INVALID_ARGUMENT naming the option.
absl::StatusOr<NetworkCommand> ParseNetworkCommand(const Words& words);

// Asks flatvmd and prints its answer to `out`, as JSON or for a person.
absl::Status RunNetworkCommand(const NetworkCommand& command, bool json, AdminClient& client,
                               std::ostream& out);

// A line a network.
std::string NetworkTable(const google::protobuf::RepeatedPtrField<v1::Network>& networks);

}  // namespace flatvm::ctl
