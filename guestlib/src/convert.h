// Between the public structs and the protocol's messages. Pure.
#pragma once

#include "flatvm/image.h"
#include "flatvm/tenant.h"
#include "flatvm/v1/images.pb.h"
#include "flatvm/v1/types.pb.h"
#include "flatvm/v1/volumes.pb.h"
#include "flatvm/vm.h"
#include "flatvm/volume.h"

namespace flatvm::guestlib {

v1::VmSpec ToWire(const VmSpec& spec);

// A state or mode that this version does not know stays that number; a mode that is not said is
// kReserved.
Vm FromWire(const v1::Vm& wire);
Volume FromWire(const v1::Volume& wire);
Image FromWire(const v1::Image& wire);
Tenant FromWire(const v1::Tenant& wire);

}  // namespace flatvm::guestlib
