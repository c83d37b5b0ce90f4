// HTTP/2 frames as raw bytes, to say what no well-behaved client would.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flatvm::front {

constexpr std::string_view kPrefaceBytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string frame;
  const auto put = [&frame](uint32_t byte) { frame.push_back(static_cast<char>(byte & 0xFFU)); };
  const auto length = static_cast<uint32_t>(payload.size());
  put(length >> 16U);
  put(length >> 8U);
  put(length);
  put(type);
  put(flags);
  put(stream >> 24U);
  put(stream >> 16U);
  put(stream >> 8U);
  put(stream);
  return frame.append(payload);
}

inline std::string Settings() { return Frame(4, 0, 0, ""); }
inline std::string SettingsAck() { return Frame(4, 1, 0, ""); }
// END_HEADERS, and END_STREAM if `ends`.
inline std::string Headers(uint32_t stream, bool ends = false, size_t size = 4) {
  return Frame(1, ends ? 5 : 4, stream, std::string(size, '\x82'));
}
inline std::string Data(uint32_t stream, bool ends, size_t size = 5) {
  return Frame(0, ends ? 1 : 0, stream, std::string(size, 'd'));
}
inline std::string RstStream(uint32_t stream) { return Frame(3, 0, stream, std::string(4, 0x08)); }
inline std::string Ping() { return Frame(6, 0, 0, "12345678"); }
inline std::string Continuation(uint32_t stream) { return Frame(9, 0, stream, "x"); }
inline std::string Opening() { return std::string(kPrefaceBytes) + Settings(); }

}  // namespace flatvm::front
