#include "daemon/rpc/convert_image.h"

#include "daemon/base/error.h"
#include "daemon/rpc/convert.h"

namespace flatvm::rpc {
namespace {

v1::ImageState StateOf(broker::ImageState state) {
  switch (state) {
    case broker::ImageState::kImporting:
      return v1::IMAGE_IMPORTING;
    case broker::ImageState::kReady:
      return v1::IMAGE_READY;
    case broker::ImageState::kDeleting:
      return v1::IMAGE_DELETING;
  }
  return v1::IMAGE_STATE_UNSPECIFIED;
}

v1::ImageFormat WireOf(base::DiskFormat format) {
  switch (format) {
    case base::DiskFormat::kRaw:
      return v1::IMAGE_RAW;
    case base::DiskFormat::kQcow2:
      return v1::IMAGE_QCOW2;
  }
  return v1::IMAGE_FORMAT_UNSPECIFIED;
}

}  // namespace

void FillImage(const broker::ImageView& view, v1::Image* image) {
  const broker::ImageRecord& record = view.image;
  image->set_id(record.id);
  image->set_name(record.name);
  image->set_tenant(record.tenant);
  image->set_source(v1::IMAGE_OWN);
  image->set_state(StateOf(record.state));
  image->set_format(WireOf(record.format));
  image->set_size_bytes(record.size_bytes);
  image->set_received_bytes(view.received_bytes);
  image->set_disk_mib(record.disk_mib);
  image->set_sha256(record.sha256);
  FillTime(record.created_at, image->mutable_created_at());
}

void FillImage(const storage::CatalogImage& from, v1::Image* image) {
  image->set_name(from.name);
  image->set_source(v1::IMAGE_CATALOG);
  image->set_state(v1::IMAGE_READY);
  image->set_description(from.description);
  if (!from.disk.has_value()) return;
  image->set_format(WireOf(from.disk->format));
  image->set_disk_mib(from.disk->size_mib);
  image->set_sha256(from.disk->sha256);
}

absl::StatusOr<base::DiskFormat> FormatOf(v1::ImageFormat format) {
  switch (format) {
    case v1::IMAGE_RAW:
      return base::DiskFormat::kRaw;
    case v1::IMAGE_QCOW2:
      return base::DiskFormat::kQcow2;
    case v1::IMAGE_FORMAT_UNSPECIFIED:
      return base::FieldError(base::Reason::kFieldMissing, "format",
                              "is required: raw or qcow2; it is never guessed");
    default:
      return base::FieldError(base::Reason::kFieldOutOfRange, "format",
                              "is none that this version knows");
  }
}

}  // namespace flatvm::rpc
