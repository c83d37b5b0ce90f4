// The bridge's programs' part for IPv6. Private to the room.
#pragma once

#include "network/guard/frame_writer.h"
#include "network/guard/programs.h"

namespace flatvm::guard {

// Each ends in a verdict; what they let pass is with BuildBridgeIn and BuildBridgeOut. Without a
// prefix, in: frames to groups are dropped, others refused.
void EmitIpv6In(FrameWriter& writer, const Subnets& subnets);
// There is a prefix.
void EmitIpv6Out(FrameWriter& writer, const Subnets& subnets);

}  // namespace flatvm::guard
