// One line of a host's check: what was looked at, how it is, and what that costs or how to mend it.
#pragma once

#include <string>
#include <vector>

namespace flatvm::check {

// kWarn: it works, at a cost or a risk that the text names. kFail: it does not, or tenants are not
// kept apart.
enum class ItemState { kOk, kWarn, kFail };

struct HostItem {
  std::string name;  // such as "vhost-vsock"
  ItemState state = ItemState::kOk;
  std::string text;  // for the operator: with paths and commands

  bool operator==(const HostItem&) const = default;
};

using HostItems = std::vector<HostItem>;

// "ok", "warn", "fail".
const char* StateName(ItemState state);

}  // namespace flatvm::check
