// A host in this process: a gRPC server that is handed connections one by one, as a tenant's front
// is, and can cut them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpcpp/server.h"
#include "guestlib/src/surroundings.h"
#include "tests/unit/guestlib/fake_services.h"

namespace flatvm::guestlib {

// Thread-safe.
class BrokerHost {
 public:
  BrokerHost();
  ~BrokerHost();
  BrokerHost(const BrokerHost&) = delete;
  BrokerHost& operator=(const BrokerHost&) = delete;

  // Set before the first call.
  FakeService service;
  FakeVolumes volumes;
  FakeImages images;

  // The client's end of a new connection.
  UniqueFd Connect();
  // The client's end of a connection that is closed at once.
  static UniqueFd Refuse();

  // Cuts all connections there are, as a host that goes away does.
  void Cut();

  size_t connections() const;

 private:
  std::unique_ptr<grpc::Server> server_;
  mutable std::mutex mutex_;
  std::vector<UniqueFd> ends_;  // copies of the server's
};

// A client's world: time passes only in pauses, chance always says `random`. Thread-safe.
class FakeWorld {
 public:
  // Connects by `connect`, in the order of calls; the argument counts from 0.
  Surroundings Make(std::function<ConnectResult(int attempt)> connect);

  // Lets time pass.
  void Advance(std::chrono::milliseconds time);

  std::vector<std::chrono::milliseconds> pauses() const;
  std::vector<std::chrono::milliseconds> connect_timeouts() const;
  int connects() const { return static_cast<int>(connect_timeouts().size()); }
  // Since the beginning.
  std::chrono::milliseconds elapsed() const;

  double random = 0.5;
  // The files that there are, and how long after the beginning each comes. Set before the first
  // call.
  std::map<std::string, std::chrono::milliseconds> files;
  // Of /dev/vdb, the quota disk, which is there if this is not empty; what became of its mounts.
  std::string mountinfo;
  std::vector<std::string> mounts;

 private:
  mutable std::mutex mutex_;
  std::chrono::milliseconds elapsed_{0};
  std::vector<std::chrono::milliseconds> pauses_;
  std::vector<std::chrono::milliseconds> connect_timeouts_;
};

}  // namespace flatvm::guestlib
