// Small value types that every room shares.
#pragma once

#include <compare>
#include <cstdint>

namespace flatvm::base {

// A vsock context id. 0..2 are the hypervisor, the loopback and the host; 2^32-1 means any.
struct VsockCid {
  static constexpr uint32_t kFirstGuest = 3;
  static constexpr uint32_t kHost = 2;
  static constexpr uint32_t kLastGuest = 0xFFFFFFFE;

  uint32_t value = 0;

  auto operator<=>(const VsockCid&) const = default;
};

// How disk bytes are laid out. Always named to QEMU and libvirt, never probed.
enum class DiskFormat { kRaw, kQcow2 };

constexpr uint64_t kMebibyte = uint64_t{1} << 20U;

}  // namespace flatvm::base
