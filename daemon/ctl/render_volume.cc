#include "daemon/ctl/render_volume.h"

#include <vector>

#include "daemon/base/size_text.h"
#include "daemon/base/text_table.h"
#include "google/protobuf/util/time_util.h"

namespace flatvm::ctl {

const char* StateName(v1::VolumeState state) {
  switch (state) {
    case v1::VOLUME_CREATING:
      return "creating";
    case v1::VOLUME_READY:
      return "ready";
    case v1::VOLUME_DELETING:
      return "deleting";
    case v1::VOLUME_MOVING:
      return "moving";
    default:
      return "unknown";
  }
}

std::string VolumeTable(const google::protobuf::RepeatedPtrField<v1::Volume>& volumes) {
  if (volumes.empty()) return "no volumes\n";
  std::vector<std::vector<std::string>> rows;
  for (const v1::Volume& volume : volumes) {
    rows.push_back({volume.tenant(), volume.name(), StateName(volume.state()),
                    base::FormatSizeMib(volume.size_mib()),
                    volume.attached_to().empty() ? "-" : volume.attached_to(), volume.id()});
  }
  return base::RenderTable({"TENANT", "NAME", "STATE", "SIZE", "ATTACHED-TO", "ID"}, rows);
}

Json VolumeListJson(const google::protobuf::RepeatedPtrField<v1::Volume>& volumes) {
  Json list = Json::array();
  for (const v1::Volume& volume : volumes) {
    list.push_back(
        Json{{"id", volume.id()},
             {"name", volume.name()},
             {"tenant", volume.tenant()},
             {"state", StateName(volume.state())},
             {"size_mib", volume.size_mib()},
             {"attached_to", volume.attached_to()},
             {"serial", volume.serial()},
             {"quota_mib", volume.quota_mib()},
             {"created_at", volume.has_created_at()
                                ? google::protobuf::util::TimeUtil::ToString(volume.created_at())
                                : ""}});
  }
  return {{"volumes", list}};
}

}  // namespace flatvm::ctl
