#include "daemon/app/ipv6_pool.h"

#include <sys/random.h>

#include <cerrno>
#include <string>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::app {
namespace {

constexpr char kField[] = "network.ipv6_pool";
constexpr size_t kMaxText = 64;

absl::StatusOr<network::Ipv6Pool> MakePool() {
  network::Ipv6Pool pool;
  const auto wanted = static_cast<ssize_t>(pool.bytes.size());
  if (::getrandom(pool.bytes.data(), pool.bytes.size(), 0) != wanted) {
    return base::ErrnoError(errno, "making up a pool of IPv6 addresses");
  }
  pool.bytes[0] = 0xFD;
  return pool;
}

}  // namespace

absl::StatusOr<std::optional<network::Ipv6Pool>> EnsureIpv6Pool(const config::Config& config) {
  if (config.ipv6_pool == "none") return std::nullopt;
  if (config.ipv6_pool != "auto") return network::ParseIpv6Pool(kField, config.ipv6_pool);
  const std::string path = base::StrCat(config.state_dir, "/ipv6_pool");
  const absl::StatusOr<std::string> text = base::ReadFile(path, kMaxText);
  if (text.ok()) {
    const auto pool = network::ParseIpv6Pool(kField, text->substr(0, text->find('\n')));
    if (pool.ok()) return pool;
    return base::InternalError(base::StrCat(path, " holds no pool: remove it, or set ", kField));
  }
  if (!absl::IsNotFound(text.status())) return text.status();
  FLATVM_ASSIGN_OR_RETURN(const network::Ipv6Pool pool, MakePool());
  FLATVM_RETURN_IF_ERROR(base::WriteFileDurably(path, pool.ToString() + "\n"));
  return pool;
}

}  // namespace flatvm::app
