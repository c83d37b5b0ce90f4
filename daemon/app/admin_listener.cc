#include "daemon/app/admin_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::app {

absl::StatusOr<base::UniqueFd> ListenOnUnixSocket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return base::InternalError(base::StrCat(path, " is too long for a unix socket"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return base::ErrnoError(errno, "socket");
  ::unlink(path.c_str());
  const mode_t old_mask = ::umask(0177);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  ::umask(old_mask);
  if (bound != 0) return base::ErrnoError(error, base::StrCat("bind ", path));
  if (::listen(fd.get(), SOMAXCONN) != 0)
    return base::ErrnoError(errno, base::StrCat("listen ", path));
  return fd;
}

void AcceptAdmin(int listener, base::Logger& log,
                 const std::function<void(base::UniqueFd)>& serve) {
  base::UniqueFd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.valid()) return;  // gone again before it was accepted
  ucred peer{};
  socklen_t size = sizeof(peer);
  const bool known = ::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (known && peer.uid == 0) {
    serve(std::move(connection));
    return;
  }
  log.Log(base::LogLevel::kNotice,
          base::StrCat("admin connection refused: uid ", known ? static_cast<long>(peer.uid) : -1L,
                       " is not root"));
}

}  // namespace flatvm::app
