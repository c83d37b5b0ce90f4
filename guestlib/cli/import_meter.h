// How far an import is, for a person who waits: a bar that moves, or a line now and then where
// standard error is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "flatvm/image.h"

namespace flatvm::cli {

enum class MeterStyle {
  kBar,    // drawn anew on one line, ten times a second
  kLines,  // a line at each stage, and every ten seconds
  kNone,
};

// Thread-compatible. Writes to `err` only; a bar's line is ended when this goes.
class ImportMeter {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  ImportMeter(MeterStyle style, std::ostream& err, Clock clock)
      : style_(style), err_(err), clock_(std::move(clock)) {}
  ImportMeter(const ImportMeter&) = delete;
  ImportMeter& operator=(const ImportMeter&) = delete;
  ~ImportMeter();

  void Show(const ImportProgress& progress);

  // Ends a bar's line, before somebody else writes.
  void End();

 private:
  // When and where what is shown began.
  struct Stage {
    ImportStage stage;
    std::chrono::steady_clock::time_point begin;
    uint64_t begin_bytes = 0;
  };

  std::string TextOf(const ImportProgress& progress,
                     std::chrono::steady_clock::time_point now) const;

  const MeterStyle style_;
  std::ostream& err_;
  const Clock clock_;
  std::optional<Stage> stage_;
  std::chrono::steady_clock::time_point shown_;
  size_t bar_width_ = 0;  // of what stands on the bar's line; 0: nothing
};

// "45% of 2.6GiB, 52MiB/s, 27s left": without a rate before the first second, and without a time
// left before there is a rate.
std::string ProgressText(uint64_t done_bytes, uint64_t total_bytes, uint64_t moved_bytes,
                         std::chrono::steady_clock::duration elapsed);

}  // namespace flatvm::cli
