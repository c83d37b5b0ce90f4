// bpf(2): programs for frames, and the map of what they count.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"
#include "network/guard/programs.h"

namespace flatvm::guard {

// Gives `code` to the kernel, which checks it, as a program of kind BPF_PROG_TYPE_SCHED_CLS. It
// lives while its descriptor or a filter has it. Needs CAP_BPF and CAP_NET_ADMIN. Errors: INTERNAL
// with the end of what the kernel's check said.
absl::StatusOr<base::UniqueFd> LoadProgram(const std::vector<bpf_insn>& code);

// The map of Counts by key. Thread-safe.
class CountsMap {
 public:
  // The one pinned at `path` in a BPF filesystem, so that counts and programs outlive flatvmd; it
  // is made if it is not there, with the directory above it. Where nothing can be pinned it is of
  // this process only, and `pinned` is false. Needs CAP_BPF. Errors: INTERNAL.
  static absl::StatusOr<CountsMap> Open(const std::string& path);

  int fd() const { return fd_.get(); }
  uint32_t id() const { return id_; }  // the kernel's
  bool pinned() const { return pinned_; }

  // Begins to count for `key`, at 0; nothing if it is counted for already. Errors: INTERNAL.
  absl::Status Ensure(uint32_t key);
  // Errors: INTERNAL. NOT_FOUND if nothing is counted for `key`.
  absl::StatusOr<Counts> Get(uint32_t key) const;
  // Sets what is counted for `key` to 0. Errors: INTERNAL.
  absl::Status Clear(uint32_t key);
  // All that are counted for. Errors: INTERNAL.
  absl::StatusOr<std::vector<uint32_t>> ListKeys() const;
  // OK also if it was not there.
  absl::Status Remove(uint32_t key);

 private:
  CountsMap(base::UniqueFd fd, uint32_t id, bool pinned)
      : fd_(std::move(fd)), id_(id), pinned_(pinned) {}

  base::UniqueFd fd_;
  uint32_t id_;
  bool pinned_;
};

}  // namespace flatvm::guard
