#include "guestlib/cli/render_image.h"

#include "daemon/base/amount_text.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "guestlib/cli/render_text.h"

namespace flatvm::cli {
namespace {

using base::StrCat;

// Enough to tell images apart; --json has all of them.
constexpr size_t kShownDigits = 12;

std::string DigestText(const Image& image) {
  return image.sha256.empty() ? "-" : image.sha256.substr(0, kShownDigits);
}

// "importing 45%"
std::string StateText(const Image& image) {
  const std::string state = ImageStateName(image.state);
  if (image.state != ImageState::kImporting || image.size_bytes == 0) return state;
  const double share =
      static_cast<double>(image.received_bytes) / static_cast<double>(image.size_bytes);
  return StrCat(state, " ", static_cast<uint64_t>(share * 100), "%");
}

std::string FormatText(const Image& image) {
  return image.format == ImageFormat::kUnspecified ? "-" : ImageFormatName(image.format);
}

}  // namespace

std::string ImportedLine(const Image& image) {
  return base::EscapeForTerminal(StrCat(image.name, "  ", FormatText(image), "  ",
                                        base::ByteText(image.size_bytes),
                                        "  sha256:", DigestText(image), "  ", StateText(image))) +
         "\n";
}

std::string WouldImportLine(const Image& image) {
  return base::EscapeForTerminal(StrCat("would import ", image.name, ": ", FormatText(image), ", ",
                                        base::ByteText(image.size_bytes))) +
         "\n";
}

std::string ImageTable(const std::vector<Image>& images) {
  if (images.empty()) return "no images\n";
  std::vector<std::vector<std::string>> rows;
  rows.reserve(images.size());
  for (const Image& image : images) {
    rows.push_back({image.name, ImageSourceName(image.source), StateText(image), FormatText(image),
                    image.size_bytes == 0 ? "-" : base::ByteText(image.size_bytes),
                    image.disk_mib == 0 ? "-" : base::FormatSizeMib(image.disk_mib),
                    DigestText(image), image.description});
  }
  return base::RenderTable(
      {"NAME", "SOURCE", "STATE", "FORMAT", "SIZE", "DISK", "SHA256", "DESCRIPTION"}, rows);
}

}  // namespace flatvm::cli
