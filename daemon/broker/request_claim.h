// One call at a time per request id: a repeated request waits for the first one to end.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/broker/registry.h"

namespace flatvm::broker {

// Holds a tenant's request id for as long as it lives. Thread-safe.
class RequestClaim {
 public:
  // Waits while another call holds this id, until the deadline at most. An empty id is nobody's: it
  // is claimed at once, by any number of calls. Errors: NOT_FOUND / kTenantNotFound; ABORTED /
  // kChangeInFlight at the deadline.
  static absl::StatusOr<std::unique_ptr<RequestClaim>> Take(
      Registry& registry, const std::string& tenant, const std::string& request_id,
      std::chrono::steady_clock::time_point deadline);

  RequestClaim(const RequestClaim&) = delete;
  RequestClaim& operator=(const RequestClaim&) = delete;
  ~RequestClaim();

 private:
  RequestClaim(Registry& registry, std::string tenant, std::string request_id)
      : registry_(registry), tenant_(std::move(tenant)), request_id_(std::move(request_id)) {}

  Registry& registry_;
  const std::string tenant_;
  const std::string request_id_;
};

}  // namespace flatvm::broker
