// The bytes spoken on a lane: a serial port of a VM over which commands run in it, one at a time
// per port. Not a security boundary: both ends belong to the testbed.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace flatvm::testbed {

// A frame is one type byte, a little-endian length and that many bytes. A filler is a single byte
// with no length. Towards the machine that runs the command:
inline constexpr char kFiller =
    '\xfe';  // ends whatever frame and job an earlier client left half done
inline constexpr char kHello =
    'H';  // token: end any job, forget queued output, answer kHelloAnswer
inline constexpr char kStart =
    'S';  // seconds, argv..., each ended by NUL; 0 seconds is no deadline
inline constexpr char kInput = 'I';  // bytes for the command's stdin
inline constexpr char kInputEnd = 'E';
inline constexpr char kSignal = 'K';  // one byte, sent to the command's process group
// Back from it:
inline constexpr char kHelloAnswer = 'h';  // the token
inline constexpr char kOutput = 'o';
inline constexpr char kErrors = 'e';
inline constexpr char kAccepted = 'a';  // 4 bytes: this much input was written to the command
inline constexpr char kExit = 'x';      // 4 bytes: exit code, 128 + signal, or kTimedOut

inline constexpr size_t kHeaderBytes = 5;
inline constexpr size_t kMaxPayloadBytes = 64 * 1024;
inline constexpr size_t kTokenBytes = 16;
// Input that the client may have under way: bounds what the other end must hold for a command that
// does not read.
inline constexpr size_t kInputWindowBytes = 1024 * 1024;
inline constexpr int kTimedOut = 124;    // as timeout(1)
inline constexpr int kLaneFailed = 125;  // the lane, not the command
inline constexpr int kCannotRun = 127;   // as a shell

inline std::string EncodeU32(uint32_t value) {
  std::string bytes(4, '\0');
  for (int i = 0; i < 4; ++i) bytes[static_cast<size_t>(i)] = static_cast<char>(value >> (8 * i));
  return bytes;
}

inline uint32_t DecodeU32(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4 && i < bytes.size(); ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

inline void AppendFrame(std::string& out, char type, std::string_view payload) {
  out.push_back(type);
  out += EncodeU32(static_cast<uint32_t>(payload.size()));
  out += payload;
}

struct Frame {
  char type = 0;
  std::string payload;
};

// Cuts frames out of a byte stream. A length over the limit means a lost stream: the rest is
// dropped up to a filler.
class FrameReader {
 public:
  void Append(std::string_view bytes) { buffer_ += bytes; }
  void Clear() { buffer_.clear(); }
  std::string& buffer() { return buffer_; }

  std::optional<Frame> Next() {
    if (buffer_.empty()) return std::nullopt;
    if (buffer_[0] == kFiller) {
      const size_t end = buffer_.find_first_not_of(kFiller);
      buffer_.erase(0, end == std::string::npos ? buffer_.size() : end);
      return Frame{kFiller, ""};
    }
    if (buffer_.size() < kHeaderBytes) return std::nullopt;
    const size_t length = DecodeU32(std::string_view(buffer_).substr(1, 4));
    if (length > kMaxPayloadBytes) {
      const size_t end = buffer_.find(kFiller);
      buffer_.erase(0, end);
      return std::nullopt;
    }
    if (buffer_.size() < kHeaderBytes + length) return std::nullopt;
    Frame frame{buffer_[0], buffer_.substr(kHeaderBytes, length)};
    buffer_.erase(0, kHeaderBytes + length);
    return frame;
  }

 private:
  std::string buffer_;
};

}  // namespace flatvm::testbed
