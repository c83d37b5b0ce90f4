#include "daemon/ctl/render_image.h"

#include "daemon/base/size_text.h"
#include "daemon/base/text_table.h"

namespace flatvm::ctl {
namespace {

using storage::Digests;
using storage::FileState;
using storage::ImageKind;
using storage::ListedImage;
using storage::VerifiedFile;
using storage::VerifiedImage;
using Rows = std::vector<std::vector<std::string>>;

const char* KindName(const ListedImage& image) {
  if (!image.fault.empty()) return "broken";
  return image.kind == ImageKind::kKernel ? "kernel" : "disk";
}

const char* DigestsName(Digests digests) {
  switch (digests) {
    case Digests::kNone:
      return "none";
    case Digests::kSome:
      return "some";
    case Digests::kAll:
      return "all";
  }
  return "unknown";
}

std::string SizeOrDash(uint32_t size_mib) {
  return size_mib == 0 ? "-" : base::FormatSizeMib(size_mib);
}

}  // namespace

std::string ImageTable(const std::vector<ListedImage>& images) {
  if (images.empty()) return "no images\n";
  Rows rows;
  for (const ListedImage& image : images) {
    if (image.fault.empty()) {
      rows.push_back({image.name, KindName(image), SizeOrDash(image.disk_mib),
                      SizeOrDash(image.min_memory_mib), DigestsName(image.digests),
                      image.description});
    } else {
      rows.push_back({image.name, KindName(image), "-", "-", "-", image.fault});
    }
  }
  return base::RenderTable({"NAME", "KIND", "DISK", "MIN-MEMORY", "DIGESTS", "DESCRIPTION"}, rows);
}

Json ImageJson(const ListedImage& image) {
  return {{"name", image.name},
          {"description", image.description},
          {"kind", KindName(image)},
          {"disk_mib", image.disk_mib},
          {"min_memory_mib", image.min_memory_mib},
          {"digests", DigestsName(image.digests)},
          {"fault", image.fault}};
}

Json ImageListJson(const std::vector<ListedImage>& images) {
  Json list = Json::array();
  for (const ListedImage& image : images) list.push_back(ImageJson(image));
  return {{"images", list}};
}

std::string VerifiedTable(const std::vector<VerifiedImage>& images) {
  if (images.empty()) return "no images\n";
  Rows rows;
  for (const VerifiedImage& image : images) {
    if (!image.fault.empty()) rows.push_back({image.name, "-", "broken", image.fault});
    for (const VerifiedFile& file : image.files) {
      rows.push_back({image.name, file.name, StateName(file.state)});
    }
  }
  return base::RenderTable({"IMAGE", "FILE", "STATE"}, rows);
}

Json VerifiedListJson(const std::vector<VerifiedImage>& images) {
  Json list = Json::array();
  for (const VerifiedImage& image : images) {
    Json files = Json::array();
    for (const VerifiedFile& file : image.files) {
      files.push_back(Json{{"name", file.name}, {"state", StateName(file.state)}});
    }
    list.push_back(Json{{"name", image.name}, {"fault", image.fault}, {"files", files}});
  }
  return {{"images", list}};
}

const char* StateName(FileState state) {
  switch (state) {
    case FileState::kSame:
      return "same";
    case FileState::kDiffers:
      return "differs";
    case FileState::kMissing:
      return "missing";
    case FileState::kNoDigest:
      return "no-digest";
    case FileState::kUnusable:
      return "unusable";
  }
  return "unknown";
}

bool IsWrong(FileState state) { return state != FileState::kSame && state != FileState::kNoDigest; }

}  // namespace flatvm::ctl
