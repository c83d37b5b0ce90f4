#include "daemon/front/frame_guard.h"

#include <algorithm>

namespace flatvm::front {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113 section 3.4

// RFC 9113 section 6.
enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
constexpr uint8_t kEndStream = 0x1;  // DATA, HEADERS
constexpr uint8_t kAck = 0x1;        // SETTINGS, PING
constexpr uint8_t kEndHeaders = 0x4;

constexpr uint32_t kLargeDataBytes = 4096;

uint32_t Byte(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

base::TokenBucket Bucket(const FrameRate& rate) { return {rate.per_second, rate.burst}; }

}  // namespace

FrameHeader ParseFrameHeader(std::string_view nine_bytes) {
  const std::string_view b = nine_bytes;
  FrameHeader header;
  header.length = Byte(b, 0) << 16U | Byte(b, 1) << 8U | Byte(b, 2);
  header.type = static_cast<uint8_t>(b[3]);
  header.flags = static_cast<uint8_t>(b[4]);
  // The first bit is reserved, and to be ignored.
  header.stream = (Byte(b, 5) & 0x7FU) << 24U | Byte(b, 6) << 16U | Byte(b, 7) << 8U | Byte(b, 8);
  return header;
}

FrameGuard::FrameGuard(const GuardLimits& limits, Time now)
    : limits_(limits),
      start_(now),
      last_active_(now),
      headers_(Bucket(limits.headers)),
      resets_(Bucket(limits.resets)),
      settings_(Bucket(limits.settings)),
      pings_(Bucket(limits.pings)),
      data_(Bucket(limits.data)),
      others_(Bucket(limits.others)) {}

std::string_view FrameGuard::FromClient(std::string_view bytes, Time now, std::string* whole) {
  partial_.append(bytes);
  size_t done = 0;
  if (!preface_done_) {
    if (const std::string_view why = TakePreface(); !why.empty()) return why;
    if (!preface_done_) return {};
    done = kPreface.size();
  }
  while (partial_.size() - done >= FrameHeader::kBytes) {
    const FrameHeader header =
        ParseFrameHeader(std::string_view(partial_).substr(done, FrameHeader::kBytes));
    if (!header_checked_) {
      if (const std::string_view why = CheckHeader(header, now); !why.empty()) return why;
      header_checked_ = true;
    }
    const size_t frame = FrameHeader::kBytes + header.length;
    if (partial_.size() - done < frame) break;
    if (const std::string_view why = Apply(header, now); !why.empty()) return why;
    done += frame;
    header_checked_ = false;
  }
  whole->append(partial_, 0, done);
  partial_.erase(0, done);
  return {};
}

std::string_view FrameGuard::TakePreface() {
  const size_t have = std::min(partial_.size(), kPreface.size());
  if (std::string_view(partial_).substr(0, have) != kPreface.substr(0, have)) {
    return "guard: not an HTTP/2 preface";
  }
  preface_done_ = have == kPreface.size();
  return {};
}

std::string_view FrameGuard::CheckHeader(const FrameHeader& header, Time now) {
  if (header.length > limits_.max_payload_bytes) return "guard: frame over 16 KiB";
  if (!settings_seen_ && (header.type != kSettings || (header.flags & kAck) != 0)) {
    return "guard: first frame is not SETTINGS";
  }
  settings_seen_ = true;
  if (const std::string_view why = CheckShape(header); !why.empty()) return why;
  return CheckRate(header, now);
}

std::string_view FrameGuard::CheckShape(const FrameHeader& header) const {
  switch (header.type) {
    case kHeaders:
      // Nothing may continue a block, so every block is one frame and its size is bounded here.
      if ((header.flags & kEndHeaders) == 0) return "guard: HEADERS without END_HEADERS";
      if (header.length > limits_.max_header_block_bytes) return "guard: header block over 8 KiB";
      if (header.stream % 2 == 0) return "guard: HEADERS on a stream that is not a client's";
      return {};
    case kSettings:
      if (header.stream != 0 || header.length % 6 != 0) return "guard: malformed SETTINGS";
      if ((header.flags & kAck) != 0 && header.length != 0) return "guard: malformed SETTINGS";
      return {};
    case kPing:
      if (header.stream != 0 || header.length != 8) return "guard: malformed PING";
      return {};
    case kRstStream:
    case kWindowUpdate:
      return header.length != 4 ? "guard: malformed RST_STREAM or WINDOW_UPDATE" : "";
    case kPriority:
      return header.length != 5 ? "guard: malformed PRIORITY" : "";
    case kContinuation:
      return "guard: CONTINUATION frame";
    case kPushPromise:
      return "guard: PUSH_PROMISE from a client";
    case kData:
    case kGoAway:
      return {};
    default:
      return "guard: unknown frame type";
  }
}

std::string_view FrameGuard::CheckRate(const FrameHeader& header, Time now) {
  switch (header.type) {
    case kHeaders:
      return headers_.Take(now) ? "" : "guard: too many HEADERS";
    case kRstStream:
      return resets_.Take(now) ? "" : "guard: too many RST_STREAM";
    case kSettings:
    case kGoAway:
      return settings_.Take(now) ? "" : "guard: too many SETTINGS";
    case kPing:
      return pings_.Take(now) ? "" : "guard: too many PING";
    case kData:
      // Small ones cost more than they bring.
      if (header.length < kLargeDataBytes) return others_.Take(now) ? "" : "guard: too many frames";
      return data_.Take(now) ? "" : "guard: too many large DATA";
    default:
      return others_.Take(now) ? "" : "guard: too many frames";
  }
}

std::string_view FrameGuard::Apply(const FrameHeader& header, Time now) {
  if (header.type == kRstStream) {
    CloseStream(header.stream, now);
    return {};
  }
  if (header.type != kHeaders && header.type != kData) return {};
  if (header.type == kHeaders && header.stream > last_stream_) {
    last_stream_ = header.stream;
    streams_[header.stream] = Stream{};
    if (streams_.size() > limits_.max_open_streams) return "guard: too many open streams";
  }
  if (!streams_.contains(header.stream)) return {};  // closed already: for gRPC to judge
  last_active_ = now;
  if ((header.flags & kEndStream) != 0) CompleteRequest(header.stream);
  return {};
}

void FrameGuard::CompleteRequest(uint32_t stream) {
  Stream& entry = streams_[stream];
  if (!entry.request_complete) ++waiting_;
  entry.request_complete = true;
}

void FrameGuard::CloseStream(uint32_t stream, Time now) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  if (found->second.request_complete) --waiting_;
  streams_.erase(found);
  last_active_ = now;
}

void FrameGuard::FromServer(std::string_view bytes, Time now) {
  while (!bytes.empty()) {
    if (server_payload_ > 0) {
      const size_t skip = std::min<size_t>(server_payload_, bytes.size());
      server_payload_ -= static_cast<uint32_t>(skip);
      bytes.remove_prefix(skip);
      continue;
    }
    const size_t take = std::min(FrameHeader::kBytes - server_header_.size(), bytes.size());
    server_header_.append(bytes.substr(0, take));
    bytes.remove_prefix(take);
    if (server_header_.size() < FrameHeader::kBytes) return;
    const FrameHeader header = ParseFrameHeader(server_header_);
    server_header_.clear();
    server_payload_ = header.length;
    const bool ends =
        (header.type == kData || header.type == kHeaders) && (header.flags & kEndStream) != 0;
    if (ends || header.type == kRstStream) CloseStream(header.stream, now);
  }
}

std::string_view FrameGuard::CheckTime(Time now) const {
  if (!settings_seen_) {
    return now - start_ >= limits_.preface_timeout ? "guard: no preface in time" : "";
  }
  if (waiting_ > 0) return {};
  return now - last_active_ >= limits_.idle_timeout ? "guard: idle" : "";
}

}  // namespace flatvm::front
