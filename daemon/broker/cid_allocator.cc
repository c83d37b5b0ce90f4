#include "daemon/broker/cid_allocator.h"

#include <algorithm>

#include "daemon/base/error.h"

namespace flatvm::broker {

void CidAllocator::Resume(uint32_t next) {
  const std::lock_guard lock(mutex_);
  next_ = next < first_ || next > last_ ? first_ : next;
  written_until_ = next_;
}

absl::StatusOr<base::VsockCid> CidAllocator::Allocate(
    const std::function<bool(base::VsockCid)>& in_use) {
  const std::lock_guard lock(mutex_);
  const uint64_t range = uint64_t{last_} - first_ + 1;
  for (uint64_t tried = 0; tried < range; ++tried) {
    const base::VsockCid cid{next_};
    if (cid.value == written_until_) {
      // Written before the CID leaves, so that no crash hands it out twice. Past the end means from
      // the start.
      const uint64_t until = std::min<uint64_t>(uint64_t{cid.value} + kBlock, uint64_t{last_} + 1);
      const uint32_t remembered = until > last_ ? first_ : static_cast<uint32_t>(until);
      FLATVM_RETURN_IF_ERROR(records_.PutNextCid(remembered));
      written_until_ = remembered;
    }
    next_ = cid.value == last_ ? first_ : cid.value + 1;
    if (!in_use(cid)) return cid;
  }
  return base::MakeError(absl::StatusCode::kResourceExhausted, base::Reason::kCidRangeEmpty,
                         "every vsock CID of the configured range is in use");
}

}  // namespace flatvm::broker
