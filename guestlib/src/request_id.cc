#include "request_id.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace flatvm::guestlib {

std::string NewRequestId() {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::array<unsigned char, 16> bytes{};
  // Up to 256 bytes come whole or not at all (getrandom(2)); a signal before the pool is ready is
  // the only thing that can come in between.
  while (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    if (errno != EINTR) std::abort();  // the kernel lacks the system call
  }
  std::string id;
  for (const unsigned char byte : bytes) {
    id.push_back(kHex[byte >> 4U]);
    id.push_back(kHex[byte & 0xFU]);
  }
  return id;
}

}  // namespace flatvm::guestlib
