// Volumes as text for a person, and as JSON.
#pragma once

#include <string>

#include "daemon/ctl/render_json.h"
#include "flatvm/v1/volumes.pb.h"

namespace flatvm::ctl {

// A line a volume, or the sentence that there is none.
std::string VolumeTable(const google::protobuf::RepeatedPtrField<v1::Volume>& volumes);

// {"volumes": […]}.
Json VolumeListJson(const google::protobuf::RepeatedPtrField<v1::Volume>& volumes);

// "creating", "ready", "deleting", "moving"; "unknown" for what this program does not know.
const char* StateName(v1::VolumeState state);

}  // namespace flatvm::ctl
