#include "daemon/check/check_host.h"

#include <iterator>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::check {
namespace {

HostItem CheckDaemon(const DaemonAnswer& answer) {
  constexpr const char* kName = "flatvmd";
  if (!answer.status.ok()) {
    return {kName, ItemState::kWarn,
            base::StrCat("does not answer, so that nothing is known of its tenants: ",
                         base::Message(answer.status))};
  }
  const size_t count = answer.budgets.size();
  return {kName, ItemState::kOk,
          base::StrCat("answers; has ", count, count == 1 ? " tenant" : " tenants")};
}

void Append(HostItems part, HostItems* items) {
  items->insert(items->end(), std::make_move_iterator(part.begin()),
                std::make_move_iterator(part.end()));
}

}  // namespace

HostItems CheckHost(Host& host, const config::Config& config, const DaemonAnswer& answer) {
  HostItems items = CheckKernel(host);
  Append(CheckPrograms(host, config), &items);
  Append(CheckStorage(host, config, answer), &items);
  Append(CheckNetwork(host, config, answer), &items);
  Append(CheckFilter(host, answer), &items);
  Append(CheckMemory(host), &items);
  items.push_back(CheckDaemon(answer));
  return items;
}

}  // namespace flatvm::check
