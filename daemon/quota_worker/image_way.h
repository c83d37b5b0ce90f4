// How an image's bytes, or a disk's, come into another file.
#pragma once

namespace flatvm::quota_worker {

enum class ImageWay {
  kShare,  // as blocks that both files share
  kCopy,
  kLeave,  // not here
};

}  // namespace flatvm::quota_worker
