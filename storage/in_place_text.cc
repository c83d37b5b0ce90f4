#include "storage/in_place_text.h"

#include <charconv>
#include <cstdint>
#include <system_error>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::storage {
namespace {

// Takes a number off the front of `text`; false if there is none.
bool TakeNumber(std::string_view* text, uint64_t* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

bool TakeMark(std::string_view* text, char mark) {
  if (text->empty() || text->front() != mark) return false;
  text->remove_prefix(1);
  return true;
}

}  // namespace

std::string FormatInPlacePlan(const InPlacePlan& plan) {
  std::string text = base::StrCat(plan.image_bytes);
  for (const ImageBlocks& blocks : plan.blocks) {
    text += base::StrCat(" ", blocks.host_offset, ",", blocks.image_offset, ",", blocks.length);
  }
  return text;
}

absl::StatusOr<InPlacePlan> ParseInPlacePlan(std::string_view text) {
  InPlacePlan plan;
  bool whole = TakeNumber(&text, &plan.image_bytes);
  while (whole && !text.empty()) {
    ImageBlocks blocks;
    whole = TakeMark(&text, ' ') && TakeNumber(&text, &blocks.host_offset) &&
            TakeMark(&text, ',') && TakeNumber(&text, &blocks.image_offset) &&
            TakeMark(&text, ',') && TakeNumber(&text, &blocks.length);
    plan.blocks.push_back(blocks);
  }
  if (whole) return plan;
  return base::InternalError("a record's cuts are none");
}

}  // namespace flatvm::storage
