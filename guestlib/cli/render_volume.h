// Volumes for people. Whatever the host sent is escaped, so that it cannot steer a terminal.
#pragma once

#include <string>
#include <vector>

#include "flatvm/volume.h"

namespace flatvm::cli {

// "data  10GiB  ready\n"
std::string CreatedVolumeLine(const Volume& volume);

// "would create data: 10GiB\n"; with ", a copy of base" if `clone_of` is not empty.
std::string WouldCreateVolumeLine(const Volume& volume, const std::string& clone_of);

// The path alone, for a script: "/dev/disk/by-id/virtio-vol-0b6c2f605f0a4d6e\n".
std::string DeviceLine(const Volume& volume);

// `verb` and the name: "detached data\n".
std::string VolumeLine(const std::string& verb, const Volume& volume);

// "resized data to 20GiB\n"
std::string ResizedLine(const std::string& verb, const Volume& volume);

// A table with a line for each; "no volumes\n" for none.
std::string VolumeTable(const std::vector<Volume>& volumes);

// Names and values, a line each.
std::string VolumeDetails(const Volume& volume);

}  // namespace flatvm::cli
