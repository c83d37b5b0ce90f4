// What an HTTP/2 client may send before gRPC gets to see it: a pure parser of frame headers with
// rates and deadlines. It reads no header block and no message, and owns no socket.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "daemon/base/token_bucket.h"

namespace flatvm::front {

struct FrameRate {
  double per_second = 1;
  double burst = 1;
};

// A well-behaved gRPC client stays far below all of these.
struct GuardLimits {
  // A program in a VM whose CPUs are all busy takes seconds from its connect to its first byte. Who
  // waits on purpose holds one of the tenant's own few connections, and nobody else's.
  std::chrono::milliseconds preface_timeout{10'000};
  std::chrono::milliseconds idle_timeout{30'000};
  uint32_t max_payload_bytes = 16'384;      // HTTP/2's own default, RFC 9113 section 6.5.2
  uint32_t max_header_block_bytes = 8'192;  // gRPC's own limit of a call's metadata
  size_t max_open_streams =
      256;  // gRPC refuses more than 64; the rest is on its way to being refused
  FrameRate headers{200, 400};
  FrameRate resets{50, 100};
  FrameRate settings{10, 20};
  FrameRate pings{20, 40};
  FrameRate data{10'000, 20'000};   // DATA of 4 KiB or more: an image that comes has half of that
  FrameRate others{5'000, 10'000};  // other DATA, WINDOW_UPDATE, PRIORITY
};

// A frame's first nine bytes, RFC 9113 section 4.1.
struct FrameHeader {
  static constexpr size_t kBytes = 9;

  uint32_t length = 0;
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
};

FrameHeader ParseFrameHeader(std::string_view nine_bytes);

// One connection's. Thread-compatible. Every "why" is a sentence for the journal, without a byte of
// the peer's; empty: the connection may stay. After the first why the connection must go.
class FrameGuard {
 public:
  using Time = std::chrono::steady_clock::time_point;

  FrameGuard(const GuardLimits& limits, Time now);

  // Takes bytes of the client. Appends to `whole` what may go on to the server: the preface and
  // whole frames only, so that no parser behind this one ever sees half a frame.
  std::string_view FromClient(std::string_view bytes, Time now, std::string* whole);

  // Watches what the server answers, to know which calls are still open.
  void FromServer(std::string_view bytes, Time now);

  // Preface and idle deadlines. A connection with a complete request that waits for its answer is
  // never idle.
  std::string_view CheckTime(Time now) const;

 private:
  struct Stream {
    bool request_complete = false;
  };

  std::string_view TakePreface();
  std::string_view CheckHeader(const FrameHeader& header, Time now);
  std::string_view CheckShape(const FrameHeader& header) const;
  std::string_view CheckRate(const FrameHeader& header, Time now);
  std::string_view Apply(const FrameHeader& header, Time now);
  void CompleteRequest(uint32_t stream);
  void CloseStream(uint32_t stream, Time now);

  const GuardLimits limits_;
  const Time start_;
  Time last_active_;

  std::string partial_;  // of the client's; less than a frame
  bool preface_done_ = false;
  bool settings_seen_ = false;
  bool header_checked_ = false;  // of the frame at the beginning of partial_

  std::map<uint32_t, Stream> streams_;  // open ones
  uint32_t last_stream_ = 0;
  size_t waiting_ = 0;  // open streams whose request is complete

  base::TokenBucket headers_;
  base::TokenBucket resets_;
  base::TokenBucket settings_;
  base::TokenBucket pings_;
  base::TokenBucket data_;
  base::TokenBucket others_;

  std::string server_header_;    // less than kBytes
  uint32_t server_payload_ = 0;  // bytes of the server's frame still to skip
};

}  // namespace flatvm::front
