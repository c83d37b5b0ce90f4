// Images for people. Whatever the host sent is escaped, so that it cannot steer a terminal.
#pragma once

#include <string>
#include <vector>

#include "flatvm/image.h"

namespace flatvm::cli {

// "web  raw  20MiB  sha256:3f0c…  ready\n"
std::string ImportedLine(const Image& image);

// "would import web: raw, 20MiB\n"
std::string WouldImportLine(const Image& image);

// A table with a line for each; "no images\n" for none.
std::string ImageTable(const std::vector<Image>& images);

}  // namespace flatvm::cli
