// Named moments of what moves a tenant's data, at which a test stops a process, to kill it there or
// to cut its host's power (CONTRIBUTING.md). They decide nothing, and nobody looks on in
// production.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/base/log.h"

namespace flatvm::base {

enum class Program { kFlatvmd, kQuotaWorker, kFront };

struct StepInfo {
  std::string_view name;
  Program program = Program::kFlatvmd;  // that passes it
};

// All that there are, each behind the effect that it is called after.
inline constexpr StepInfo kSteps[] = {
    // An image leaves the quota disk.
    {"out.asked"},       // nothing yet
    {"out.intent"},      // its record is on the disk
    {"out.unplugged"},   // the primary does not have the quota disk
    {"out.worker"},      // a worker runs
    {"out.found"},       // and has found the image
    {"out.files"},       // the new disk's file is there, and the image's if that is made
    {"out.made"},        // the worker has filled them
    {"out.synced"},      // they are on the host's disk
    {"out.decided"},     // the record says that the image is the volume's
    {"out.disk-moved"},  // in place: the old disk has the name that the image is to have
    {"out.swapped"},     // the new disk is in its place
    {"out.cutting"},     // in place: before each cut
    {"out.cut"},         // in place: the old disk is the image
    {"out.named"},       // the image has its name
    {"out.recorded"},    // the record says that all is done
    // An image goes back.
    {"back.asked"},
    {"back.unplugged"},
    {"back.worker"},
    {"back.found"},  // there is a place for it
    {"back.files"},  // the new disk's file is there
    {"back.made"},
    {"back.synced"},
    {"back.decided"},  // the record says that the image is the disk's
    {"back.swapped"},
    {"back.removed"},    // the volume's file is gone
    {"back.forgotten"},  // and its record
    // A volume is deleted, and the quota disk grows by it.
    {"delete.intent"},
    {"delete.removed"},
    {"delete.forgotten"},
    // The primary gets the quota disk, at the end of each of the above.
    {"plug.sized"},  // its file is as large as records say
    {"plug.plugged"},
    {"plug.announced"},  // a running primary knows its size
    // A secondary is made of an image, or goes.
    {"create.intent"},
    {"create.disk"},       // it has its disk
    {"create.domain"},     // it runs
    {"create.committed"},  // and its record says so
    {"destroy.intent"},
    {"destroy.stopped"},
    {"destroy.disk"},  // its disk is deleted, or has gone back
    {"destroy.forgotten"},
    // The worker, on the way out, and on the way back.
    {"worker.out.asked", Program::kQuotaWorker},
    {"worker.out.found", Program::kQuotaWorker},
    {"worker.out.filled", Program::kQuotaWorker},   // the new disk has what the old one has
    {"worker.out.moved", Program::kQuotaWorker},    // the image's file has its bytes
    {"worker.out.removed", Program::kQuotaWorker},  // the new disk is without it
    {"worker.out.shrunk", Program::kQuotaWorker},
    {"worker.out.verified", Program::kQuotaWorker},  // e2fsck was content
    {"worker.out.synced", Program::kQuotaWorker},
    {"worker.back.asked", Program::kQuotaWorker},
    {"worker.back.found", Program::kQuotaWorker},
    {"worker.back.filled", Program::kQuotaWorker},
    {"worker.back.grown", Program::kQuotaWorker},
    {"worker.back.written", Program::kQuotaWorker},  // the image's bytes are on the new disk
    {"worker.back.added", Program::kQuotaWorker},    // and its filesystem says so
    {"worker.back.verified", Program::kQuotaWorker},
    {"worker.back.synced", Program::kQuotaWorker},
    // The front, of any call.
    {"front.asked", Program::kFront},     // it has the request; flatvmd does not
    {"front.answered", Program::kFront},  // it has the answer; the primary does not
};

// One of kSteps. A name that is none of theirs does not compile.
class Step {
 public:
  consteval Step(const char* name) : index_(IndexOf(name)) {}  // NOLINT: Pass("out.asked")

  const StepInfo& info() const { return kSteps[index_]; }

 private:
  static consteval size_t IndexOf(std::string_view name) {
    for (size_t i = 0; i < std::size(kSteps); ++i) {
      if (kSteps[i].name == name) return i;
    }
    throw "there is no such step";
  }

  size_t index_;
};

// Who looks on. Immutable; as thread-safe as the observer is.
class Steps {
 public:
  using Observer = std::function<void(Step)>;

  Steps() = default;  // nobody
  explicit Steps(Observer observer) : observer_(std::move(observer)) {}

  void Pass(Step step) const {
    if (observer_) observer_(step);
  }

 private:
  Observer observer_;
};

// The environment variable that names a step, for all programs: flatvmd hands it on.
inline constexpr char kStopAt[] = "FLATVM_STOP_AT";

// For `program`, which raises SIGSTOP whenever it passes `name`, after a line to `log`, which
// outlives it. Nobody looks on if `name` is null, empty, or a step of another program. Errors:
// INVALID_ARGUMENT / kFieldMalformed if there is no such step.
absl::StatusOr<Steps> StepsStoppingAt(const char* name, Program program, Logger& log);

}  // namespace flatvm::base
