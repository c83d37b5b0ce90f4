// When what a tenant's network is made of was there, and what each took, for a line in the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "daemon/base/str_cat.h"

namespace flatvm::network {

struct NetworkStamps {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin, filtered, made, guarded, served;

  // "filter 900 us, libvirt 57000 us, guard 2100 us, dnsmasq 64000 us".
  std::string ToString() const {
    return base::StrCat("filter ", Microseconds(begin, filtered), " us, libvirt ",
                        Microseconds(filtered, made), " us, guard ", Microseconds(made, guarded),
                        " us, dnsmasq ", Microseconds(guarded, served), " us");
  }

 private:
  static int64_t Microseconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
  }
};

}  // namespace flatvm::network
