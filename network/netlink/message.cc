#include "network/netlink/message.h"

#include <algorithm>

namespace flatvm::netlink {
namespace {

constexpr uint16_t kTypeMask = 0x3FFF;  // without NLA_F_NESTED and NLA_F_NET_BYTEORDER

size_t Aligned(size_t length) { return (length + NLMSG_ALIGNTO - 1) & ~size_t{NLMSG_ALIGNTO - 1}; }

template <typename T>
std::string_view View(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

}  // namespace

Message::Message(uint16_t type, uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST | NLM_F_ACK);
  AppendPadded(View(header));
}

void Message::AppendPadded(std::string_view bytes) {
  bytes_.append(bytes);
  bytes_.resize(Aligned(bytes_.size()), '\0');
}

Message& Message::Bytes(uint16_t type, std::string_view bytes) {
  const nlattr header{.nla_len = static_cast<uint16_t>(sizeof(nlattr) + bytes.size()),
                      .nla_type = type};
  bytes_.append(View(header));
  AppendPadded(bytes);
  return *this;
}

Message& Message::Text(uint16_t type, const std::string& text) {
  return Bytes(type, {text.c_str(), text.size() + 1});
}

Message& Message::Number(uint16_t type, uint32_t value) { return Bytes(type, View(value)); }

size_t Message::Begin(uint16_t type) {
  const size_t begun = bytes_.size();
  const nlattr header{.nla_len = 0, .nla_type = static_cast<uint16_t>(type | NLA_F_NESTED)};
  bytes_.append(View(header));
  return begun;
}

Message& Message::End(size_t begun) {
  const auto length = static_cast<uint16_t>(bytes_.size() - begun);
  std::memcpy(&bytes_[begun], &length, sizeof(length));  // nla_len is the first field
  return *this;
}

std::string Message::Take(uint32_t sequence) const {
  std::string bytes = bytes_;
  nlmsghdr header{};
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.nlmsg_len = static_cast<uint32_t>(bytes.size());
  header.nlmsg_seq = sequence;
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

std::string_view Received::Attributes(size_t header_size) const {
  const size_t skipped = Aligned(header_size);
  return skipped > body.size() ? std::string_view() : body.substr(skipped);
}

std::optional<Received> NextMessage(std::string_view* datagram) {
  Received message{};
  if (datagram->size() < sizeof(message.header)) return std::nullopt;
  std::memcpy(&message.header, datagram->data(), sizeof(message.header));
  const size_t length = message.header.nlmsg_len;
  if (length < sizeof(message.header) || length > datagram->size()) return std::nullopt;
  message.body = datagram->substr(sizeof(message.header), length - sizeof(message.header));
  datagram->remove_prefix(std::min(datagram->size(), Aligned(length)));
  return message;
}

std::optional<std::string_view> FindAttribute(std::string_view attributes, uint16_t type) {
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr header{};
    std::memcpy(&header, attributes.data(), sizeof(header));
    const size_t length = header.nla_len;
    if (length < sizeof(header) || length > attributes.size()) return std::nullopt;
    if ((header.nla_type & kTypeMask) == type) {
      return attributes.substr(sizeof(header), length - sizeof(header));
    }
    attributes.remove_prefix(std::min(attributes.size(), Aligned(length)));
  }
  return std::nullopt;
}

std::string_view FindText(std::string_view attributes, uint16_t type) {
  const std::string_view text = FindAttribute(attributes, type).value_or(std::string_view());
  return text.substr(0, text.find('\0'));
}

std::optional<uint32_t> FindNumber(std::string_view attributes, uint16_t type) {
  const std::optional<std::string_view> bytes = FindAttribute(attributes, type);
  uint32_t number = 0;
  if (!bytes || bytes->size() < sizeof(number)) return std::nullopt;
  std::memcpy(&number, bytes->data(), sizeof(number));
  return number;
}

}  // namespace flatvm::netlink
