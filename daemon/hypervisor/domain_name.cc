#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/hypervisor.h"

namespace flatvm::hypervisor {

std::string DomainName(const std::string& tenant, const std::string& vm_name) {
  return base::StrCat("flatvm-", tenant, ".", vm_name);
}

}  // namespace flatvm::hypervisor
