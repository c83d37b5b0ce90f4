// The catalog's images as text for a person, and as JSON.
#pragma once

#include <string>
#include <vector>

#include "daemon/ctl/render_json.h"
#include "storage/catalog_editor.h"

namespace flatvm::ctl {

// A line an image, or the sentence that there is none.
std::string ImageTable(const std::vector<storage::ListedImage>& images);

Json ImageJson(const storage::ListedImage& image);
// {"images": […]}.
Json ImageListJson(const std::vector<storage::ListedImage>& images);

// A line a file, or the sentence that there is none.
std::string VerifiedTable(const std::vector<storage::VerifiedImage>& images);
// {"images": [{"name", "fault", "files": [{"name", "state"}]}]}.
Json VerifiedListJson(const std::vector<storage::VerifiedImage>& images);

// "same", "differs", "missing", "no-digest", "unusable".
const char* StateName(storage::FileState state);
// Whether a file of that state is not as it was added. One without a digest may be.
bool IsWrong(storage::FileState state);

}  // namespace flatvm::ctl
