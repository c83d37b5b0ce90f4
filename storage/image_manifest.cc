#include "storage/image_manifest.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "storage/unusable_image.h"

namespace flatvm::storage {
namespace {

using Json = nlohmann::json;

// Walks the text once to find what a parsed tree no longer shows: a repeated key, and where the
// syntax breaks.
class SyntaxCheck final : public nlohmann::json_sax<Json> {
 public:
  absl::Status status() const { return status_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }

  bool start_object(std::size_t) override {
    objects_.emplace_back();
    return true;
  }
  bool end_object() override {
    objects_.pop_back();
    return true;
  }
  bool key(string_t& name) override {
    objects_.back().current = name;
    if (objects_.back().seen.insert(name).second) return true;
    status_ = UnusableImage(base::StrCat(Path(), ": is there twice"));
    return false;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    status_ = UnusableImage(base::StrCat("is not valid JSON (byte ", position, ")"));
    return false;
  }

 private:
  struct Object {
    std::set<std::string> seen;
    std::string current;
  };

  std::string Path() const {
    std::string path;
    for (const Object& object : objects_) {
      base::StrAppend(&path, path.empty() ? "" : ".", base::EscapeForLog(object.current, 40));
    }
    return path;
  }

  std::vector<Object> objects_;
  absl::Status status_;
};

absl::Status PathError(std::string_view path, std::string_view message) {
  return UnusableImage(base::StrCat(path, ": ", message));
}

// One JSON object and its path; reads its members, each optional.
class ObjectReader {
 public:
  ObjectReader(const Json& object, std::string path) : object_(object), path_(std::move(path)) {}

  std::string PathOf(std::string_view key) const {
    return path_.empty() ? std::string(key) : base::StrCat(path_, ".", key);
  }

  absl::Status CheckKeys(std::initializer_list<std::string_view> known) const {
    for (const auto& item : object_.items()) {
      if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
        return PathError(PathOf(base::EscapeForLog(item.key(), 40)), "is not a key that is known");
      }
    }
    return absl::OkStatus();
  }

  // The member, or null if it is not there.
  const Json* Find(const char* key) const {
    const auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }

  // Empty if the member is not there; one that is there must not be.
  absl::StatusOr<std::string> FindString(const char* key) const {
    const Json* member = Find(key);
    if (member == nullptr) return std::string();
    const auto* text = member->get_ptr<const std::string*>();
    if (text == nullptr) return PathError(PathOf(key), "must be a string");
    if (text->empty()) return PathError(PathOf(key), "must not be empty");
    return *text;
  }

 private:
  const Json& object_;
  const std::string path_;
};

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool IsPrintableAscii(char c) { return c >= 0x20 && c <= 0x7e; }

absl::StatusOr<std::string> FindFileName(const ObjectReader& reader, const char* key) {
  FLATVM_ASSIGN_OR_RETURN(std::string name, reader.FindString(key));
  // A colon could make QEMU read "json:" or a protocol into the name.
  if (name.empty() ||
      (name.front() != '.' && name.size() <= 255 && name.find_first_of("/:") == std::string::npos &&
       std::none_of(name.begin(), name.end(), IsControl))) {
    return name;
  }
  return PathError(reader.PathOf(key),
                   "must be the name of a file beside image.json, without '/' or ':' and not "
                   "beginning with '.'");
}

absl::StatusOr<std::optional<ManifestDisk>> FindDisk(const ObjectReader& manifest) {
  const Json* member = manifest.Find("disk");
  if (member == nullptr) return std::optional<ManifestDisk>();
  if (!member->is_object()) return PathError("disk", "must be an object");
  const ObjectReader reader(*member, "disk");
  FLATVM_RETURN_IF_ERROR(reader.CheckKeys({"file", "format"}));
  ManifestDisk disk;
  FLATVM_ASSIGN_OR_RETURN(disk.file, FindFileName(reader, "file"));
  if (disk.file.empty()) return PathError("disk.file", "is required");
  FLATVM_ASSIGN_OR_RETURN(const std::string format, reader.FindString("format"));
  if (format.empty()) return PathError("disk.format", "is required");
  if (format != "raw" && format != "qcow2") {
    return PathError("disk.format", "must be \"raw\" or \"qcow2\"");
  }
  disk.format = format == "raw" ? base::DiskFormat::kRaw : base::DiskFormat::kQcow2;
  return std::optional<ManifestDisk>(std::move(disk));
}

absl::StatusOr<uint32_t> FindMinMemory(const ObjectReader& reader) {
  FLATVM_ASSIGN_OR_RETURN(const std::string text, reader.FindString("min_memory"));
  if (text.empty()) return 0U;
  const absl::StatusOr<uint32_t> size_mib = base::ParseSizeMib("min_memory", text);
  // Not the caller's field that is wrong, but the operator's file: another code, the same text.
  if (!size_mib.ok()) return UnusableImage(base::Message(size_mib.status()));
  return *size_mib;
}

bool IsSha256(std::string_view text) {
  constexpr size_t kDigits = 64;
  return text.size() == kDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

absl::StatusOr<std::map<std::string, std::string>> FindDigests(const ObjectReader& reader,
                                                               const ImageManifest& manifest) {
  std::map<std::string, std::string> digests;
  const Json* member = reader.Find("sha256");
  if (member == nullptr) return digests;
  if (!member->is_object()) return PathError("sha256", "must be an object");
  const std::vector<std::string> files = FilesOf(manifest);
  for (const auto& item : member->items()) {
    const std::string path = base::StrCat("sha256.", base::EscapeForLog(item.key(), 40));
    if (std::find(files.begin(), files.end(), item.key()) == files.end()) {
      return PathError(path, "is not a file that the image has");
    }
    const auto* text = item.value().get_ptr<const std::string*>();
    if (text == nullptr || !IsSha256(*text)) {
      return PathError(path, "must be 64 lower-case hexadecimal digits");
    }
    digests.emplace(item.key(), *text);
  }
  return digests;
}

absl::Status CheckTogether(const ImageManifest& manifest) {
  if (manifest.kernel.empty() && !manifest.disk.has_value()) {
    return UnusableImage("must have \"kernel\" or \"disk\"");
  }
  if (manifest.kernel.empty() && !manifest.initrd.empty()) {
    return PathError("initrd", "makes no sense without \"kernel\"");
  }
  if (manifest.kernel.empty() && !manifest.cmdline.empty()) {
    return PathError("cmdline", "makes no sense without \"kernel\"");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImageManifest> ParseImageManifest(std::string_view text) {
  SyntaxCheck syntax;
  if (!Json::sax_parse(text, &syntax)) return syntax.status();
  const Json tree = Json::parse(text, nullptr, false);
  if (!tree.is_object()) return UnusableImage("must be a JSON object");

  const ObjectReader reader(tree, "");
  FLATVM_RETURN_IF_ERROR(reader.CheckKeys(
      {"description", "kernel", "initrd", "cmdline", "disk", "min_memory", "sha256"}));
  ImageManifest manifest;
  FLATVM_ASSIGN_OR_RETURN(manifest.description, reader.FindString("description"));
  if (!IsDescription(manifest.description)) return PathError("description", kDescriptionRule);
  FLATVM_ASSIGN_OR_RETURN(manifest.kernel, FindFileName(reader, "kernel"));
  FLATVM_ASSIGN_OR_RETURN(manifest.initrd, FindFileName(reader, "initrd"));
  FLATVM_ASSIGN_OR_RETURN(manifest.cmdline, reader.FindString("cmdline"));
  if (!IsCmdline(manifest.cmdline)) return PathError("cmdline", kCmdlineRule);
  FLATVM_ASSIGN_OR_RETURN(manifest.disk, FindDisk(reader));
  FLATVM_ASSIGN_OR_RETURN(manifest.min_memory_mib, FindMinMemory(reader));
  FLATVM_RETURN_IF_ERROR(CheckTogether(manifest));
  FLATVM_ASSIGN_OR_RETURN(manifest.sha256, FindDigests(reader, manifest));
  return manifest;
}

std::string FormatImageManifest(const ImageManifest& manifest) {
  nlohmann::ordered_json tree = nlohmann::ordered_json::object();
  const auto put = [&tree](const char* key, const std::string& text) {
    if (!text.empty()) tree.emplace(key, text);
  };
  put("description", manifest.description);
  if (manifest.disk.has_value()) {
    const bool raw = manifest.disk->format == base::DiskFormat::kRaw;
    tree.emplace("disk", nlohmann::ordered_json{{"file", manifest.disk->file},
                                                {"format", raw ? "raw" : "qcow2"}});
  }
  put("kernel", manifest.kernel);
  put("initrd", manifest.initrd);
  put("cmdline", manifest.cmdline);
  if (manifest.min_memory_mib != 0) {
    put("min_memory", base::FormatSizeMib(manifest.min_memory_mib));
  }
  if (!manifest.sha256.empty()) tree.emplace("sha256", manifest.sha256);
  constexpr int kIndent = 2;
  return tree.dump(kIndent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::vector<std::string> FilesOf(const ImageManifest& manifest) {
  std::vector<std::string> files;
  if (manifest.disk.has_value()) files.push_back(manifest.disk->file);
  if (!manifest.kernel.empty()) files.push_back(manifest.kernel);
  if (!manifest.initrd.empty()) files.push_back(manifest.initrd);
  return files;
}

bool IsDescription(std::string_view text) {
  return text.size() <= kMaxDescriptionLength && std::none_of(text.begin(), text.end(), IsControl);
}

bool IsCmdline(std::string_view text) {
  return text.size() <= kMaxCmdlineLength &&
         std::all_of(text.begin(), text.end(), IsPrintableAscii);
}

}  // namespace flatvm::storage
