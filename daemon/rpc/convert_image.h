// Images between the broker's plain data and the wire's messages. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "daemon/base/types.h"
#include "daemon/broker/directory.h"
#include "flatvm/v1/images.pb.h"

namespace flatvm::rpc {

// A tenant's own image.
void FillImage(const broker::ImageView& view, v1::Image* image);
// The operator's.
void FillImage(const storage::CatalogImage& from, v1::Image* image);

// Errors: INVALID_ARGUMENT naming "format".
absl::StatusOr<base::DiskFormat> FormatOf(v1::ImageFormat format);

}  // namespace flatvm::rpc
