#include "network/uplink.h"

#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/unique_fd.h"
#include "network/nft_rules.h"

namespace flatvm::network {
namespace {

// The calling thread's network namespace; /proc/net is the main thread's.
constexpr char kRouteTable[] = "/proc/thread-self/net/route";
constexpr size_t kMaxRouteTable = size_t{16} << 20U;
constexpr char kAuto[] = "auto";

bool ParseHex(std::string_view text, uint32_t* value) {
  constexpr int kHex = 16;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value, kHex);
  return error == std::errc() && stop == end;
}

// Up to the next of `separators`, which goes, too.
std::string_view TakeUpTo(std::string_view separators, std::string_view* rest) {
  const size_t end = std::min(rest->find_first_of(separators), rest->size());
  const std::string_view part = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return part;
}

std::string_view TakeWord(std::string_view* line) {
  line->remove_prefix(std::min(line->find_first_not_of(" \t"), line->size()));
  return TakeUpTo(" \t", line);
}

}  // namespace

// With hundreds of tenants it has hundreds of lines, and is read for each change.
std::vector<std::string> ParseDefaultInterfaces(std::string_view table) {
  constexpr std::string_view kAnywhere = "00000000";
  std::set<std::string> found;
  while (!table.empty()) {
    std::string_view line = TakeUpTo("\n", &table);
    const std::string name(TakeWord(&line));
    if (TakeWord(&line) != kAnywhere) continue;
    TakeWord(&line);  // the gateway
    const std::string_view flags_text = TakeWord(&line);
    for (int i = 0; i < 3; ++i) TakeWord(&line);  // references, use, metric
    uint32_t flags = 0;
    if (TakeWord(&line) == kAnywhere && ParseHex(flags_text, &flags) && (flags & RTF_UP) != 0 &&
        (flags & RTF_REJECT) == 0 && CheckInterfaceName("", name).ok()) {
      found.insert(name);
    }
  }
  return {found.begin(), found.end()};
}

absl::StatusOr<std::vector<std::string>> FindUplinks(const std::string& setting) {
  if (setting != kAuto) {
    FLATVM_RETURN_IF_ERROR(CheckInterfaceName("uplink", setting));
    return std::vector<std::string>{setting};
  }
  const absl::StatusOr<std::string> table = base::ReadFile(kRouteTable, kMaxRouteTable);
  if (!table.ok()) return base::InternalError("the kernel's route table cannot be read");
  return ParseDefaultInterfaces(*table);
}

uint32_t LeastMtu(const std::vector<std::string>& uplinks) {
  constexpr uint32_t kLeast = 1280;
  constexpr uint32_t kMost = 65535;
  const base::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint32_t least = 0;
  for (const std::string& uplink : uplinks) {
    ifreq request{};
    uplink.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
    if (::ioctl(socket.get(), SIOCGIFMTU, &request) != 0 || request.ifr_mtu <= 0) continue;
    const uint32_t mtu = std::clamp(static_cast<uint32_t>(request.ifr_mtu), kLeast, kMost);
    least = least == 0 ? mtu : std::min(least, mtu);
  }
  return least;
}

}  // namespace flatvm::network
