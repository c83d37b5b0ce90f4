#include "guestlib/src/local_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "guestlib/src/file_digest.h"

namespace flatvm::guestlib {
namespace {

constexpr size_t kDigestBytes = size_t{1} << 18U;
// Zeros that are no hole are sought this far before they go out.
constexpr uint64_t kMaxSoughtZeros = uint64_t{64} << 20U;

Error Bad(Code code, Reason reason, const std::string& message) {
  return {.code = code, .reason = reason, .message = "path: " + message, .field = "path"};
}

Error Unreadable(const std::string& what) {
  return Bad(Code::kFailedPrecondition, Reason::kImageUnusable, what);
}

bool IsZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

}  // namespace

Result<LocalImage> LocalImage::Open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait. It means nothing to a file.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid() && errno == ENOENT) {
    return Bad(Code::kNotFound, Reason::kImageNotFound, "there is no such file");
  }
  struct stat info {};
  if (!file.valid() || ::fstat(file.get(), &info) != 0) {
    return Bad(Code::kInvalidArgument, Reason::kFieldMalformed,
               std::string("cannot be opened: ") + std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) {
    return Bad(Code::kInvalidArgument, Reason::kFieldMalformed,
               "must be a regular file or a block device");
  }
  const off_t end = ::lseek(file.get(), 0, SEEK_END);
  if (end <= 0) return Unreadable("is empty");
  return LocalImage(std::move(file), static_cast<uint64_t>(end));
}

Result<std::string> LocalImage::Read(uint64_t offset, size_t bytes) const {
  std::string data(static_cast<size_t>(std::min<uint64_t>(bytes, size_bytes_ - offset)), '\0');
  ssize_t size = -1;
  do {
    size = ::pread(file_.get(), data.data(), data.size(), static_cast<off_t>(offset));
  } while (size < 0 && errno == EINTR);
  if (size < 0) return Unreadable(std::string("cannot be read: ") + std::strerror(errno));
  if (size == 0) return Unreadable("became shorter while it was read");
  data.resize(static_cast<size_t>(size));
  return data;
}

Result<std::string> LocalImage::Digest(const std::function<void(uint64_t)>& progress) const {
  FileDigest digest;
  for (uint64_t offset = 0; offset < size_bytes_;) {
    const Result<std::string> data = Read(offset, kDigestBytes);
    if (!data.ok()) return data.error();
    digest.Add(*data);
    offset += data->size();
    progress(offset);
  }
  std::optional<std::string> digits = digest.Finish();
  if (digits.has_value()) return *std::move(digits);
  return Error{.code = Code::kInternal,
               .reason = Reason::kInternalError,
               .message = "this VM's libcrypto refuses SHA-256"};
}

Result<ImagePart> LocalImage::Next(uint64_t offset) const {
  const off_t data = ::lseek(file_.get(), static_cast<off_t>(offset), SEEK_DATA);
  // ENXIO: nothing but a hole follows. A filesystem that knows no holes says something else.
  if (data < 0 && errno == ENXIO) return ImagePart{.data = {}, .zeros = size_bytes_ - offset};
  if (data > static_cast<off_t>(offset)) {
    const uint64_t end = std::min(static_cast<uint64_t>(data), size_bytes_);
    return ImagePart{.data = {}, .zeros = end - offset};
  }
  ImagePart part;
  while (offset + part.zeros < size_bytes_ && part.zeros < kMaxSoughtZeros) {
    Result<std::string> bytes = Read(offset + part.zeros, kMaxDataBytes);
    if (!bytes.ok()) return bytes.error();
    if (IsZero(*bytes)) {
      part.zeros += bytes->size();
      continue;
    }
    if (part.zeros == 0) part.data = *std::move(bytes);
    break;
  }
  return part;
}

}  // namespace flatvm::guestlib
