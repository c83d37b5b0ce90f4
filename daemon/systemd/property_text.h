// Properties of a unit as text, to compare them with those that another flatvmd gave it.
#pragma once

#include <string>
#include <vector>

#include "daemon/systemd/unit_property.h"

namespace flatvm::systemd {

// A line each, in order: equal if and only if they are, but for descriptors, which are all the
// same.
std::string TextOf(const std::vector<UnitProperty>& properties);

}  // namespace flatvm::systemd
