// Tenants' own images as text for a person, and as JSON.
#pragma once

#include <string>

#include "daemon/ctl/render_json.h"
#include "flatvm/v1/images.pb.h"

namespace flatvm::ctl {

// A line an image, or the sentence that there is none.
std::string OwnImageTable(const google::protobuf::RepeatedPtrField<v1::Image>& images);

// {"images": […]}.
Json OwnImageListJson(const google::protobuf::RepeatedPtrField<v1::Image>& images);

// "importing", "ready", "deleting"; "unknown" for what this program does not know.
const char* StateName(v1::ImageState state);

}  // namespace flatvm::ctl
