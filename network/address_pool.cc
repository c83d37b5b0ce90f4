#include "network/address_pool.h"

#include <cstdio>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::network {
namespace {

// The reserved ones: network, gateway and broadcast.
constexpr uint64_t kFirstMachine = 2;
constexpr uint64_t kReservedAtEnd = 1;

bool Overlap(const Ipv4Subnet& a, const Ipv4Subnet& b) {
  return a.Contains(b.address) || b.Contains(a.address);
}

// First value after `subnet`; 64 bits wide, as the last subnet of all ends at 2^32.
uint64_t EndOf(const Ipv4Subnet& subnet) { return subnet.address.value + subnet.size(); }

absl::Status Exhausted(base::Reason reason, std::string_view limit, uint64_t size,
                       std::string_view message) {
  return base::MakeError(absl::StatusCode::kResourceExhausted,
                         base::ErrorInfo{.reason = reason,
                                         .limit = std::string(limit),
                                         .limit_value = size,
                                         .asked = 1,
                                         .used = size,
                                         .left = 0},
                         message);
}

}  // namespace

absl::StatusOr<Ipv4Subnet> SubnetPool::FindFree() const {
  // Sorted and without overlap, so one walk finds the lowest gap.
  Ipv4Subnet candidate{.address = pool_.address, .prefix_length = prefix_length_};
  const uint64_t step = candidate.size();
  uint64_t next = candidate.address.value;
  for (const Ipv4Subnet& taken : taken_) {
    if (taken.address.value >= next + step) break;
    const uint64_t end = EndOf(taken);
    if (end > next) next += (end - next + step - 1) / step * step;
  }
  if (next + step > EndOf(pool_)) {
    return Exhausted(base::Reason::kSubnetPoolEmpty, "subnets", pool_.size() / step,
                     "every subnet of this host's pool is in use by a tenant");
  }
  candidate.address.value = static_cast<uint32_t>(next);
  return candidate;
}

absl::StatusOr<Ipv4Subnet> SubnetPool::Allocate() {
  absl::StatusOr<Ipv4Subnet> free = FindFree();
  if (free.ok()) taken_.insert(*free);
  return free;
}

absl::Status SubnetPool::Take(const Ipv4Subnet& subnet) {
  if (!pool_.Contains(subnet.address) || subnet.prefix_length < pool_.prefix_length) {
    return base::FieldError(
        base::Reason::kFieldOutOfRange, "subnet",
        base::StrCat(subnet.ToString(), " is not in the subnet pool ", pool_.ToString()));
  }
  for (const Ipv4Subnet& taken : taken_) {
    if (Overlap(taken, subnet)) {
      return absl::AlreadyExistsError(
          base::StrCat("subnet ", subnet.ToString(), " overlaps ", taken.ToString()));
    }
  }
  taken_.insert(subnet);
  return absl::OkStatus();
}

absl::StatusOr<Ipv4Address> AddressPool::Allocate() {
  const uint64_t machines = subnet_.size() - kFirstMachine - kReservedAtEnd;
  uint32_t next = subnet_.address.value + static_cast<uint32_t>(kFirstMachine);
  for (const Ipv4Address& taken : taken_) {
    if (taken.value != next) break;
    ++next;
  }
  if (next >= subnet_.address.value + kFirstMachine + machines) {
    return Exhausted(base::Reason::kSubnetFull, "addresses", machines,
                     "every address of the tenant's subnet is in use");
  }
  taken_.insert(Ipv4Address{next});
  return Ipv4Address{next};
}

absl::Status AddressPool::Take(Ipv4Address address) {
  const uint64_t offset = uint64_t{address.value} - subnet_.address.value;
  if (!subnet_.Contains(address) || offset < kFirstMachine ||
      offset >= subnet_.size() - kReservedAtEnd) {
    return base::FieldError(
        base::Reason::kFieldOutOfRange, "address",
        base::StrCat(address.ToString(), " is no machine's address in ", subnet_.ToString()));
  }
  if (!taken_.insert(address).second) {
    return absl::AlreadyExistsError(base::StrCat("address ", address.ToString(), " is taken"));
  }
  return absl::OkStatus();
}

std::string MacFor(Ipv4Address address) {
  char text[sizeof("52:54:00:00:00:00")];
  std::snprintf(text, sizeof(text), "52:54:00:%02x:%02x:%02x", (address.value >> 16U) & 255U,
                (address.value >> 8U) & 255U, address.value & 255U);
  return text;
}

}  // namespace flatvm::network
