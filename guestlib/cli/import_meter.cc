#include "guestlib/cli/import_meter.h"

#include <algorithm>
#include <ratio>

#include "daemon/base/amount_text.h"
#include "daemon/base/str_cat.h"
#include "guestlib/cli/render_text.h"

namespace flatvm::cli {
namespace {

using base::StrCat;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBarPause{100};
constexpr std::chrono::seconds kLinePause{10};
constexpr uint64_t kBarCells = 24;

const char* NameOf(ImportStage stage) {
  switch (stage) {
    case ImportStage::kReading:
      return "computing the SHA-256";
    case ImportStage::kSending:
      return "sending";
    case ImportStage::kChecking:
      return "the host checks it";
  }
  return "working";
}

double SecondsOf(steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string ProgressText(uint64_t done_bytes, uint64_t total_bytes, uint64_t moved_bytes,
                         steady_clock::duration elapsed) {
  const uint64_t total = std::max<uint64_t>(total_bytes, 1);
  const double share = static_cast<double>(done_bytes) / static_cast<double>(total);
  std::string text =
      StrCat(static_cast<uint64_t>(share * 100), "% of ", base::ByteText(total_bytes));
  const double seconds = SecondsOf(elapsed);
  if (seconds < 1 || moved_bytes == 0) return text;
  const double rate = static_cast<double>(moved_bytes) / seconds;
  base::StrAppend(&text, ", ", base::ByteText(static_cast<uint64_t>(rate)), "/s");
  if (done_bytes >= total_bytes) return text;
  const double left = static_cast<double>(total_bytes - done_bytes) / rate;
  const std::chrono::duration<double> time_left(std::min(left, 1e9));
  base::StrAppend(&text, ", ",
                  ShortAge(std::chrono::duration_cast<std::chrono::system_clock::duration>(
                      time_left + std::chrono::seconds(1))),
                  " left");
  return text;
}

std::string ImportMeter::TextOf(const ImportProgress& progress,
                                steady_clock::time_point now) const {
  if (progress.stage == ImportStage::kChecking) return NameOf(progress.stage);
  const uint64_t moved = progress.done_bytes - std::min(progress.done_bytes, stage_->begin_bytes);
  const std::string numbers =
      ProgressText(progress.done_bytes, progress.total_bytes, moved, now - stage_->begin);
  if (style_ == MeterStyle::kLines) return StrCat(NameOf(progress.stage), ": ", numbers);
  const uint64_t total = std::max<uint64_t>(progress.total_bytes, 1);
  const double share = static_cast<double>(progress.done_bytes) / static_cast<double>(total);
  const auto full = std::min(static_cast<uint64_t>(share * kBarCells), kBarCells);
  return StrCat(NameOf(progress.stage), " [", std::string(full, '#'),
                std::string(kBarCells - full, '.'), "] ", numbers);
}

void ImportMeter::End() {
  if (bar_width_ > 0) err_ << "\n" << std::flush;
  bar_width_ = 0;
}

ImportMeter::~ImportMeter() { End(); }

void ImportMeter::Show(const ImportProgress& progress) {
  if (style_ == MeterStyle::kNone) return;
  const steady_clock::time_point now = clock_();
  const bool fresh = !stage_.has_value() || stage_->stage != progress.stage;
  if (fresh) {
    End();
    stage_ = Stage{.stage = progress.stage, .begin = now, .begin_bytes = progress.begun_at_bytes};
  }
  const bool last = progress.done_bytes >= progress.total_bytes;
  const bool due =
      now - shown_ >= (style_ == MeterStyle::kBar ? steady_clock::duration(kBarPause)
                                                  : steady_clock::duration(kLinePause));
  // A bar's end is drawn; of lines the next stage's tells it.
  if (!fresh && !due && !(last && style_ == MeterStyle::kBar)) return;
  shown_ = now;
  const std::string text = TextOf(progress, now);
  if (style_ == MeterStyle::kLines) {
    err_ << "flatvm: " << text << "\n" << std::flush;
    return;
  }
  // Spaces over what a longer line left.
  const size_t gap = bar_width_ > text.size() ? bar_width_ - text.size() : 0;
  err_ << "\r" << text << std::string(gap, ' ') << std::flush;
  bar_width_ = text.size();
}

}  // namespace flatvm::cli
