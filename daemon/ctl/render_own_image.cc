#include "daemon/ctl/render_own_image.h"

#include <vector>

#include "daemon/base/amount_text.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "google/protobuf/util/time_util.h"

namespace flatvm::ctl {
namespace {

const char* FormatName(v1::ImageFormat format) {
  switch (format) {
    case v1::IMAGE_RAW:
      return "raw";
    case v1::IMAGE_QCOW2:
      return "qcow2";
    default:
      return "unknown";
  }
}

// "importing 512MiB of 2.0GiB"
std::string StateText(const v1::Image& image) {
  const std::string state = StateName(image.state());
  if (image.state() != v1::IMAGE_IMPORTING) return state;
  return base::StrCat(state, " ", base::ByteText(image.received_bytes()), " of ",
                      base::ByteText(image.size_bytes()));
}

}  // namespace

const char* StateName(v1::ImageState state) {
  switch (state) {
    case v1::IMAGE_IMPORTING:
      return "importing";
    case v1::IMAGE_READY:
      return "ready";
    case v1::IMAGE_DELETING:
      return "deleting";
    default:
      return "unknown";
  }
}

std::string OwnImageTable(const google::protobuf::RepeatedPtrField<v1::Image>& images) {
  if (images.empty()) return "no images\n";
  std::vector<std::vector<std::string>> rows;
  for (const v1::Image& image : images) {
    rows.push_back({image.tenant(), image.name(), StateText(image), FormatName(image.format()),
                    base::ByteText(image.size_bytes()),
                    image.disk_mib() == 0 ? "-" : base::FormatSizeMib(image.disk_mib()),
                    image.id()});
  }
  return base::RenderTable({"TENANT", "NAME", "STATE", "FORMAT", "SIZE", "DISK", "ID"}, rows);
}

Json OwnImageListJson(const google::protobuf::RepeatedPtrField<v1::Image>& images) {
  Json list = Json::array();
  for (const v1::Image& image : images) {
    list.push_back(
        Json{{"id", image.id()},
             {"name", image.name()},
             {"tenant", image.tenant()},
             {"state", StateName(image.state())},
             {"format", FormatName(image.format())},
             {"size_bytes", image.size_bytes()},
             {"received_bytes", image.received_bytes()},
             {"disk_mib", image.disk_mib()},
             {"sha256", image.sha256()},
             {"created_at", image.has_created_at()
                                ? google::protobuf::util::TimeUtil::ToString(image.created_at())
                                : ""}});
  }
  return {{"images", list}};
}

}  // namespace flatvm::ctl
