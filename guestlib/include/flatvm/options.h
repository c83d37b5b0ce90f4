// How a client asks: where its host is, how long it waits, what it repeats.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace flatvm {

enum class SourcePort {
  kPrivileged,  // below 1024, which needs root (CAP_NET_BIND_SERVICE): what hosts ask for by
                // default
  kAny,         // for a host whose operator allows everybody in the VM to ask
};

// When a call whose connection broke is sent again. Times are bounded by the call's own, too.
struct RetryPolicy {
  // The n-th pause is a random part of min(first_pause * 2^n, longest_pause).
  std::chrono::milliseconds first_pause{50};
  std::chrono::milliseconds longest_pause{2'000};
  // How long to go on while the broker has not been reached at all, or refuses this VM.
  std::chrono::milliseconds unreached_for{2'000};
  // The same after the connection was lost in the midst of a call: the host's daemon restarts.
  std::chrono::milliseconds lost_for{15'000};
};

struct ClientOptions {
  uint32_t cid = 2;     // the host's
  uint32_t port = 710;  // the broker's
  SourcePort source_port = SourcePort::kPrivileged;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds call_timeout{
      90'000};  // a call, its repetitions included; at most a day
  RetryPolicy retry{};
};

struct CallOptions {
  // [A-Za-z0-9_.-]{1,64}. The same id with the same request is answered like the first one and
  // changes nothing again. Empty: the client makes one up, so that its own repetitions are safe.
  // Means nothing for calls that change nothing.
  std::string request_id{};
  bool validate_only = false;            // decide and explain, change nothing
  std::chrono::milliseconds timeout{0};  // 0: ClientOptions::call_timeout
  // DestroyVm and DeleteVolume only, of a disk that was made of an image on the quota disk: it is
  // not deleted, but becomes a file there again, at its old path, with what it holds now.
  bool return_disk = false;
  // AttachVolume only: return when the volume's device is there in this VM, not already when the
  // host has plugged it in.
  bool wait_for_device = true;
};

}  // namespace flatvm
