// Host as the one that this process runs on.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/check/host.h"

namespace flatvm::check {

// Most of it needs root. A program that is run has 10 s.
class LinuxHost final : public Host {
 public:
  bool IsRoot() override;
  bool Has(const std::string& path, Use use) override;
  absl::StatusOr<std::string> ReadFile(const std::string& path) override;
  absl::StatusOr<base::ProgramResult> Run(const std::vector<std::string>& argv) override;
  absl::Status TryKvm() override;
  absl::StatusOr<FilesystemFacts> TryFilesystem(const std::string& directory) override;
  absl::StatusOr<SpaceFacts> MeasureSpace(const std::string& directory,
                                          const std::string& counted) override;
  NetworkFacts TryNetwork() override;
  absl::StatusOr<HypervisorVersions> AskLibvirt(const std::string& uri) override;
};

}  // namespace flatvm::check
