// Answers as JSON. Field names are the protocol's.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "flatvm/image.h"
#include "flatvm/tenant.h"
#include "flatvm/vm.h"
#include "flatvm/volume.h"
#include "nlohmann/json.hpp"

namespace flatvm::cli {

using Json = nlohmann::ordered_json;

Json VmJson(const Vm& vm);
// {"vms":[...]}
Json VmListJson(const std::vector<Vm>& vms);
Json VolumeJson(const Volume& volume);
// {"volumes":[...]}
Json VolumeListJson(const std::vector<Volume>& volumes);
Json ImageJson(const Image& image);
// {"images":[...]}
Json ImageListJson(const std::vector<Image>& images);
// usage is null if it is not told.
Json TenantJson(const Tenant& tenant);

// Where the VM that has a volume finds it; empty while none has it.
std::string DeviceOf(const Volume& volume);

// RFC 3339 in UTC, with as many digits of a fraction as protobuf's JSON has (0, 3, 6 or 9); "" for
// the epoch.
std::string TimeText(std::chrono::system_clock::time_point time);

// Indented, ASCII only, with a newline at its end.
std::string DumpJson(const Json& value);

}  // namespace flatvm::cli
