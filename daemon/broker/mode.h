// What an order may say beside its subject.
#pragma once

namespace flatvm::broker {

enum class Mode { kExecute, kValidateOnly };

// What becomes of a disk that nobody is to have any more.
enum class DiskFate {
  kDelete,
  kReturn,  // its image goes back onto the quota disk, to the path that it came from
};

}  // namespace flatvm::broker
