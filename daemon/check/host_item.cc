#include "daemon/check/host_item.h"

namespace flatvm::check {

const char* StateName(ItemState state) {
  switch (state) {
    case ItemState::kOk:
      return "ok";
    case ItemState::kWarn:
      return "warn";
    case ItemState::kFail:
      return "fail";
  }
  return "unknown";
}

}  // namespace flatvm::check
