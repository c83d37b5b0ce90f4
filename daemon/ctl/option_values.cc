#include "daemon/ctl/option_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "daemon/base/cpu_list.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::ctl {
namespace {

using base::FieldError;
using base::Reason;

absl::Status Malformed(std::string_view option, std::string_view wanted, std::string_view text) {
  return FieldError(
      Reason::kFieldMalformed, option,
      base::StrCat("must be ", wanted, ", not \"", base::EscapeForLog(text, 40), "\""));
}

absl::Status TooLarge(std::string_view option) {
  return FieldError(Reason::kFieldOutOfRange, option, "is too large");
}

// 0 would be a limit that stops everything, which the kernel does not have (io.max).
absl::Status ZeroRate(std::string_view option) {
  return FieldError(Reason::kFieldOutOfRange, option, "must not be 0; \"none\" is no limit");
}

// Digits at the beginning of `text`, and what follows them. `error` as std::from_chars has it.
template <typename Number>
struct Leading {
  Number number = 0;
  std::string_view rest;
  std::errc error;
};

template <typename Number>
Leading<Number> SplitNumber(std::string_view text) {
  Leading<Number> leading;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, leading.number);
  leading.rest = std::string_view(rest, static_cast<size_t>(end - rest));
  leading.error = error;
  return leading;
}

template <typename Number>
absl::StatusOr<Number> ParseWhole(std::string_view option, std::string_view wanted,
                                  std::string_view text) {
  const Leading<Number> leading = SplitNumber<Number>(text);
  if (leading.error == std::errc::invalid_argument || !leading.rest.empty()) {
    return Malformed(option, wanted, text);
  }
  if (leading.error != std::errc()) return TooLarge(option);
  return leading.number;
}

}  // namespace

absl::StatusOr<uint32_t> ParseCount(std::string_view option, std::string_view text) {
  return ParseWhole<uint32_t>(option, "a whole number", text);
}

absl::StatusOr<uint64_t> ParseByteRate(std::string_view option, std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, unsigned>, 4> kUnitShifts = {
      {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}}};
  if (text == "none") return 0;
  const Leading<uint64_t> leading = SplitNumber<uint64_t>(text);
  for (const auto& [unit, shift] : kUnitShifts) {
    if (leading.error == std::errc::invalid_argument || leading.rest != unit) continue;
    const bool fits = leading.error == std::errc() &&
                      leading.number <= std::numeric_limits<uint64_t>::max() >> shift;
    if (!fits) return TooLarge(option);
    if (leading.number == 0) return ZeroRate(option);
    return leading.number << shift;
  }
  return Malformed(
      option, "a whole number and one of KiB, MiB, GiB or TiB, such as \"200MiB\", or none", text);
}

absl::StatusOr<uint64_t> ParseOperationRate(std::string_view option, std::string_view text) {
  if (text == "none") return 0;
  FLATVM_ASSIGN_OR_RETURN(const uint64_t operations,
                          ParseWhole<uint64_t>(option, "a whole number, or none", text));
  if (operations == 0) return ZeroRate(option);
  return operations;
}

absl::StatusOr<std::string> ParseCpus(std::string_view option, std::string_view text) {
  if (text == "all") return "";
  FLATVM_ASSIGN_OR_RETURN(const std::vector<uint32_t> cpus, base::ParseCpuList(option, text));
  return base::FormatCpuList(cpus);
}

absl::StatusOr<std::vector<v1::PortForward>> ParseForwards(std::string_view option,
                                                           std::string_view text) {
  std::vector<v1::PortForward> forwards;
  if (text == "none") return forwards;
  constexpr const char* kWanted = "such as tcp:8080=web:80, with commas between several, or none";
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    begin = end + 1;
    v1::PortForward& forward = forwards.emplace_back();
    forward.set_protocol(word.starts_with("tcp:") ? v1::PROTOCOL_TCP : v1::PROTOCOL_UDP);
    const size_t equals = word.find('=');
    const size_t colon = word.rfind(':');
    const bool whole = (word.starts_with("tcp:") || word.starts_with("udp:")) &&
                       equals != word.npos && colon != word.npos && colon > equals;
    if (!whole) return Malformed(option, kWanted, text);
    constexpr size_t kProtocol = 4;  // bytes, its colon included
    FLATVM_ASSIGN_OR_RETURN(const uint32_t host_port,
                            ParseCount(option, word.substr(kProtocol, equals - kProtocol)));
    FLATVM_ASSIGN_OR_RETURN(const uint32_t port, ParseCount(option, word.substr(colon + 1)));
    forward.set_host_port(host_port);
    forward.set_machine(std::string(word.substr(equals + 1, colon - equals - 1)));
    forward.set_port(port);
  }
  return forwards;
}

absl::StatusOr<v1::NetworkMode> ParseNetworkMode(std::string_view option, std::string_view text) {
  if (text == "nat") return v1::NETWORK_NAT;
  if (text == "isolated") return v1::NETWORK_ISOLATED;
  if (text == "via-primary") return v1::NETWORK_VIA_PRIMARY;
  return Malformed(option, "nat, isolated or via-primary", text);
}

absl::StatusOr<v1::NetworkMode> ParseFurtherMode(std::string_view option, std::string_view text) {
  if (text == "nat") return v1::NETWORK_NAT;
  if (text == "isolated") return v1::NETWORK_ISOLATED;
  if (text == "bridge") return v1::NETWORK_BRIDGE;
  return Malformed(option, "nat, isolated or bridge", text);
}

absl::StatusOr<v1::CarveMode> ParseCarveMode(std::string_view option, std::string_view text) {
  if (text == "reserved") return v1::CARVE_RESERVED;
  if (text == "balloon") return v1::CARVE_BALLOON;
  return Malformed(option, "reserved or balloon", text);
}

}  // namespace flatvm::ctl
