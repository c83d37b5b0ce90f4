// ImportWorker in this process: writes and digests like a worker, and can die, lie and keep a file
// open.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "storage/import_worker.h"
#include "storage/sha256.h"

namespace flatvm::fakes {

// Thread-compatible.
class FakeImportWorker final : public storage::ImportWorker {
 public:
  absl::StatusOr<std::unique_ptr<storage::ImportSession>> Begin(const std::string& tenant,
                                                                const std::string& image_id,
                                                                int file,
                                                                uint64_t size_bytes) override {
    begun.push_back(tenant + "/" + image_id + ":" + std::to_string(size_bytes));
    if (!begin_status.ok()) return begin_status;
    return std::make_unique<Session>(*this, file);
  }

  std::vector<std::string> begun;  // "acme/<id>:<size>"
  absl::Status begin_status;
  int writes_until_it_dies = -1;  // -1: it does not
  bool keeps_file = false;        // after the digest, in `kept`
  base::UniqueFd kept;

 private:
  class Session final : public storage::ImportSession {
   public:
    Session(FakeImportWorker& worker, int file)
        : worker_(worker), file_(::fcntl(file, F_DUPFD_CLOEXEC, 3)) {}

    absl::Status Write(const storage::ImageChunk& chunk) override {
      if (worker_.writes_until_it_dies-- == 0) return absl::UnavailableError("it died");
      if (chunk.zeros > 0) {
        const bool made = ::ftruncate(file_.get(), static_cast<off_t>(chunk.end())) == 0;
        return made ? absl::OkStatus() : absl::InternalError("ftruncate");
      }
      const ssize_t size = ::pwrite(file_.get(), chunk.data.data(), chunk.data.size(),
                                    static_cast<off_t>(chunk.offset));
      return size == static_cast<ssize_t>(chunk.data.size()) ? absl::OkStatus()
                                                             : absl::InternalError("pwrite");
    }

    absl::StatusOr<std::string> Digest(std::chrono::milliseconds /*timeout*/) override {
      absl::StatusOr<std::string> digest = storage::Sha256Of(file_.get());
      if (worker_.keeps_file) worker_.kept = std::move(file_);
      file_.Reset();
      return digest;
    }

   private:
    FakeImportWorker& worker_;
    base::UniqueFd file_;
  };
};

}  // namespace flatvm::fakes
