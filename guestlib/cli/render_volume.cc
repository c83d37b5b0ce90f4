#include "guestlib/cli/render_volume.h"

#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "guestlib/cli/render_json.h"
#include "guestlib/cli/render_text.h"

namespace flatvm::cli {
namespace {

using base::EscapeForTerminal;
using base::FormatSizeMib;
using base::StrCat;

}  // namespace

std::string CreatedVolumeLine(const Volume& volume) {
  return EscapeForTerminal(StrCat(volume.name, "  ", FormatSizeMib(volume.size_mib), "  ",
                                  VolumeStateName(volume.state))) +
         "\n";
}

std::string WouldCreateVolumeLine(const Volume& volume, const std::string& clone_of) {
  return EscapeForTerminal(StrCat("would create ", volume.name, ": ",
                                  FormatSizeMib(volume.size_mib),
                                  clone_of.empty() ? "" : ", a copy of ", clone_of)) +
         "\n";
}

std::string DeviceLine(const Volume& volume) {
  return EscapeForTerminal(DevicePath(volume)) + "\n";
}

std::string VolumeLine(const std::string& verb, const Volume& volume) {
  return EscapeForTerminal(verb + volume.name) + "\n";
}

std::string ResizedLine(const std::string& verb, const Volume& volume) {
  return EscapeForTerminal(StrCat(verb, volume.name, " to ", FormatSizeMib(volume.size_mib))) +
         "\n";
}

std::string VolumeTable(const std::vector<Volume>& volumes) {
  if (volumes.empty()) return "no volumes\n";
  std::vector<std::vector<std::string>> rows;
  rows.reserve(volumes.size());
  for (const Volume& volume : volumes) {
    rows.push_back({volume.name, VolumeStateName(volume.state), FormatSizeMib(volume.size_mib),
                    OrDash(volume.attached_to), OrDash(DeviceOf(volume))});
  }
  return base::RenderTable({"NAME", "STATE", "SIZE", "ATTACHED-TO", "DEVICE"}, rows);
}

std::string VolumeDetails(const Volume& volume) {
  return RenderPairs({{"name:", volume.name},
                      {"id:", volume.id},
                      {"tenant:", volume.tenant},
                      {"state:", VolumeStateName(volume.state)},
                      {"size:", FormatSizeMib(volume.size_mib)},
                      {"attached to:", OrDash(volume.attached_to)},
                      {"made for:", OrDash(volume.made_for)},
                      {"from disk:", OrDash(volume.from_quota_disk)},
                      {"device:", OrDash(DeviceOf(volume))},
                      {"serial:", volume.serial},
                      {"created:", TimeText(volume.created_at)}});
}

}  // namespace flatvm::cli
