// Secondaries, and what all answers need, as text for a person: aligned tables, nothing that could
// steer the terminal.
#pragma once

#include <string>
#include <vector>

#include "flatvm/v1/admin.pb.h"

namespace flatvm::ctl {

// A line a secondary, or the sentence that there is none.
std::string VmTable(const google::protobuf::RepeatedPtrField<v1::Vm>& vms);

// One secondary, a line a property.
std::string VmDetails(const v1::ShowAnyVmResponse& shown);

// "br0", "br0 vlan 100"; "-" where that is not its mode.
std::string BridgeText(const v1::Network& network);

// "-" for none.
std::string OrDash(const std::string& text);

// A table without a header: names and values, one pair at least.
std::string RenderPairs(const std::vector<std::vector<std::string>>& pairs);

// "vsock, partition and nic"; "" for none.
std::string JoinWords(const google::protobuf::RepeatedPtrField<std::string>& words);

}  // namespace flatvm::ctl
