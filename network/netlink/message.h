// Messages of netlink(7): building one, and reading what came. Pure; socket.h sends and receives.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace flatvm::netlink {

// A request, built front to back: the family's header, then attributes. Thread-compatible.
class Message {
 public:
  // `flags` beside NLM_F_REQUEST and NLM_F_ACK.
  Message(uint16_t type, uint16_t flags);

  // The family's fixed header, such as a tcmsg; right after construction.
  template <typename T>
  Message& Header(const T& header) {
    AppendPadded({reinterpret_cast<const char*>(&header), sizeof(header)});
    return *this;
  }

  Message& Bytes(uint16_t type, std::string_view bytes);
  Message& Text(uint16_t type, const std::string& text);  // with its zero
  Message& Number(uint16_t type, uint32_t value);         // host byte order

  // What stands between a Begin and its End is an attribute of that type; the number that Begin
  // gives is End's.
  size_t Begin(uint16_t type);
  Message& End(size_t begun);

  // Ready to be sent as the request `sequence`.
  std::string Take(uint32_t sequence) const;

 private:
  void AppendPadded(std::string_view bytes);
  std::string bytes_;
};

// A message that came; a view into the datagram.
struct Received {
  nlmsghdr header;
  std::string_view body;

  // The family's header; zeros if the body is shorter.
  template <typename T>
  T As() const {
    T value{};
    std::memcpy(&value, body.data(), body.size() < sizeof(T) ? 0 : sizeof(T));
    return value;
  }
  // Attributes behind a family's header of that size.
  std::string_view Attributes(size_t header_size) const;
};

// Takes the first message off `datagram`; nullopt at its end, or at what is malformed.
std::optional<Received> NextMessage(std::string_view* datagram);

// The value of the first attribute of that type; nullopt: there is none.
std::optional<std::string_view> FindAttribute(std::string_view attributes, uint16_t type);
// The same as a text, up to its zero; empty: there is none.
std::string_view FindText(std::string_view attributes, uint16_t type);
// The same as a number in host byte order; nullopt also if it is shorter.
std::optional<uint32_t> FindNumber(std::string_view attributes, uint16_t type);

}  // namespace flatvm::netlink
