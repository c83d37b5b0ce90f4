// How often each CID may knock, and how often the journal hears of it: a hostile VM floods neither.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "daemon/base/token_bucket.h"
#include "daemon/base/types.h"

namespace flatvm::gate {

// Thread-compatible. Memory is bounded: a CID that was quiet for a while is forgotten.
class CallerLedger {
 public:
  using Time = base::TokenBucket::Time;

  // True if `cid` may have another connection looked at: 20 a second, 40 at once.
  bool AdmitConnection(base::VsockCid cid, Time now);

  // How many lines about `cid` were held back since its last one, if another may be written now
  // (one in five seconds, five at once).
  std::optional<uint64_t> AdmitLine(base::VsockCid cid, Time now);

 private:
  struct Entry {
    base::TokenBucket connections{20, 40};
    base::TokenBucket lines{0.2, 5};
    uint64_t held_back = 0;
  };

  Entry& Find(base::VsockCid cid, Time now);

  std::map<uint32_t, Entry> entries_;
};

}  // namespace flatvm::gate
