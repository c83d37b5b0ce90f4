// One change at a time per image: a second one waits for the first to end.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/broker/registry.h"

namespace flatvm::broker {

// Holds an image of a tenant's, by id, for as long as it lives. Says nothing of whether there is
// such an image: that is to be looked up once it is held. Thread-safe.
class ImageClaim {
 public:
  // Waits while another call holds it, until the deadline at most. Errors: NOT_FOUND /
  // kTenantNotFound; ABORTED / kChangeInFlight at the deadline.
  static absl::StatusOr<std::unique_ptr<ImageClaim>> Take(
      Registry& registry, const std::string& tenant, const std::string& id,
      std::chrono::steady_clock::time_point deadline);

  ImageClaim(const ImageClaim&) = delete;
  ImageClaim& operator=(const ImageClaim&) = delete;
  ~ImageClaim();

 private:
  ImageClaim(Registry& registry, std::string tenant, std::string id)
      : registry_(registry), tenant_(std::move(tenant)), id_(std::move(id)) {}

  Registry& registry_;
  const std::string tenant_;
  const std::string id_;
};

}  // namespace flatvm::broker
