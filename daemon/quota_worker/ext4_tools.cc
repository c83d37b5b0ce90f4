#include "daemon/quota_worker/ext4_tools.h"

#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/subprocess.h"

namespace flatvm::quota_worker {
namespace {

constexpr uint64_t kKibPerMib = 1024;

std::string PathOf(int disk) { return base::StrCat("/proc/self/fd/", disk); }

// For the journal; the programs print names that a guest chose.
absl::Status Failed(std::string_view program, const base::ProgramResult& result) {
  return base::InternalError(base::StrCat(program, " ended with ", result.exit_code, ": ",
                                          base::EscapeForLog(result.output, 500)));
}

absl::Status Full(uint32_t size_mib) {
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, base::Reason::kQuotaDiskFull,
      base::StrCat("the other files on the quota disk do not fit into the ", size_mib,
                   " MiB that it would have without the image; remove some, or use a volume"));
}

}  // namespace

absl::Status Ext4Tools::Format(int disk) const {
  // No reserved blocks: it is nobody's root filesystem. Its tables are zeros already. The journal
  // in front: in the middle, where it is by itself, resize2fs has to move it block by block.
  FLATVM_ASSIGN_OR_RETURN(
      const base::ProgramResult result,
      base::RunProgramOn(
          disk,
          {"/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", "flatvm-quota", "-J",
           "location=1", "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1", PathOf(disk)},
          timeout_));
  return result.exit_code == 0 ? absl::OkStatus() : Failed("mke2fs", result);
}

absl::Status Ext4Tools::Check(int disk) const {
  FLATVM_ASSIGN_OR_RETURN(
      const base::ProgramResult result,
      base::RunProgramOn(disk, {"/sbin/e2fsck", "-f", "-n", PathOf(disk)}, timeout_));
  return result.exit_code == 0 ? absl::OkStatus() : Failed("e2fsck -n", result);
}

absl::Status Ext4Tools::Shrink(int disk, uint32_t size_mib) const {
  FLATVM_ASSIGN_OR_RETURN(
      const base::ProgramResult result,
      base::RunProgramOn(
          disk, {"/sbin/resize2fs", PathOf(disk), base::StrCat(size_mib * kKibPerMib, "K")},
          timeout_));
  if (result.exit_code == 0) return absl::OkStatus();
  if (result.output.find("smaller than minimum") != std::string::npos) return Full(size_mib);
  return Failed("resize2fs", result);
}

absl::Status Ext4Tools::Grow(int disk, uint32_t size_mib) const {
  // Without -f it refuses what was mounted after its last check, by a clock that is the guest's.
  FLATVM_ASSIGN_OR_RETURN(
      const base::ProgramResult result,
      base::RunProgramOn(
          disk, {"/sbin/resize2fs", "-f", PathOf(disk), base::StrCat(size_mib * kKibPerMib, "K")},
          timeout_));
  return result.exit_code == 0 ? absl::OkStatus() : Failed("resize2fs", result);
}

}  // namespace flatvm::quota_worker
