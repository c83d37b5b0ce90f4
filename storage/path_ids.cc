#include "storage/path_ids.h"

#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::storage {
namespace {

absl::Status CheckId(const std::string& id, std::string_view whose) {
  if (base::IsUuid(id)) return absl::OkStatus();
  return base::InternalError(
      base::StrCat("storage was given \"", base::EscapeForLog(id), "\" for a ", whose, "'s id"));
}

}  // namespace

absl::Status CheckTenant(const std::string& tenant) {
  if (base::IsName(tenant)) return absl::OkStatus();
  return base::InternalError(
      base::StrCat("storage was given \"", base::EscapeForLog(tenant), "\" for a tenant"));
}

absl::Status CheckVm(const std::string& tenant, const std::string& vm_id) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  return CheckId(vm_id, "secondary");
}

absl::Status CheckVolume(const std::string& tenant, const std::string& volume_id) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  return CheckId(volume_id, "volume");
}

absl::Status CheckImage(const std::string& tenant, const std::string& image_id) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  return CheckId(image_id, "image");
}

}  // namespace flatvm::storage
