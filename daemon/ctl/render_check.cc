#include "daemon/ctl/render_check.h"

#include <algorithm>
#include <vector>

#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"

namespace flatvm::ctl {
namespace {

using check::HostItem;
using check::HostItems;
using check::ItemState;

auto Count(const HostItems& items, ItemState state) {
  return std::count_if(items.begin(), items.end(),
                       [state](const HostItem& item) { return item.state == state; });
}

}  // namespace

std::string HostItemTable(const HostItems& items) {
  std::vector<std::vector<std::string>> rows;
  for (const HostItem& item : items) {
    rows.push_back({check::StateName(item.state), item.name, item.text});
  }
  return base::RenderTable({"STATE", "ITEM", "WHAT"}, rows);
}

Json HostItemListJson(const HostItems& items) {
  Json list = Json::array();
  for (const HostItem& item : items) {
    list.push_back(
        Json{{"name", item.name}, {"state", check::StateName(item.state)}, {"text", item.text}});
  }
  return {{"items", list},
          {"failed", Count(items, ItemState::kFail)},
          {"warned", Count(items, ItemState::kWarn)}};
}

std::string FailedItems(const HostItems& items) {
  std::string names;
  for (const HostItem& item : items) {
    if (item.state == ItemState::kFail) {
      base::StrAppend(&names, names.empty() ? "" : ", ", item.name);
    }
  }
  return names;
}

}  // namespace flatvm::ctl
