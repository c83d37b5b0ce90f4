// A host's check, as a table for people and as JSON.
#pragma once

#include <string>

#include "daemon/check/host_item.h"
#include "daemon/ctl/render_json.h"

namespace flatvm::ctl {

// A line an item: state, name, text.
std::string HostItemTable(const check::HostItems& items);

// {"items": [{"name", "state", "text"}], "failed", "warned"}; the last two are counts.
Json HostItemListJson(const check::HostItems& items);

// The names of the items that failed, with commas between; "" for none.
std::string FailedItems(const check::HostItems& items);

}  // namespace flatvm::ctl
