// Between the public structs and the protocol's messages. Pure.
#pragma once

#include "flatvm/types.h"
#include "flatvm/v1/types.pb.h"

namespace flatvm::guestlib {

v1::VmSpec ToWire(const VmSpec& spec);

// A state that this version does not know stays that number.
Vm FromWire(const v1::Vm& wire);
Tenant FromWire(const v1::Tenant& wire);

}  // namespace flatvm::guestlib
