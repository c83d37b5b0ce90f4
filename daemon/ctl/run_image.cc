#include "daemon/ctl/run_image.h"

#include <utility>
#include <variant>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/config/config.h"
#include "daemon/ctl/config_option.h"
#include "daemon/ctl/render_image.h"
#include "daemon/ctl/render_json.h"
#include "daemon/ctl/render_own_image.h"
#include "storage/catalog_editor.h"

namespace flatvm::ctl {
namespace {

using base::Reason;
using base::StrCat;
using storage::CatalogEditor;
using storage::ListedImage;
using storage::VerifiedImage;

absl::StatusOr<std::string> CatalogDirOf(const ImageCommand& command) {
  if (!command.catalog_dir.empty()) {
    // The editor wants an absolute path.
    if (command.catalog_dir.front() == '/') return command.catalog_dir;
    return base::FieldError(Reason::kFieldMalformed, "--catalog", "must be an absolute path");
  }
  FLATVM_ASSIGN_OR_RETURN(const config::Config config, LoadConfigOption(command.config_path));
  return config.catalog_dir;
}

// Carries one command out: an operator() for each.
class ImageRunner {
 public:
  ImageRunner(CatalogEditor editor, const ImageSurroundings& surroundings)
      : editor_(std::move(editor)),
        json_(surroundings.format == OutputFormat::kJson),
        out_(surroundings.out),
        client_(surroundings.client) {}

  absl::Status operator()(const AddImage& command) {
    const absl::StatusOr<ListedImage> added = command.validate_only
                                                  ? editor_.CheckAdd(command.name, command.image)
                                                  : editor_.Add(command.name, command.image);
    if (!added.ok()) return added.status();
    if (json_) return Print(DumpJson(ImageJson(*added)));
    return Print(StrCat(command.validate_only ? "would add" : "added", " image ", added->name, "\n",
                        ImageTable({*added})));
  }

  absl::Status operator()(const ListImages& command) {
    if (command.own) return ListOwn(command.tenant);
    const auto images = editor_.List();
    if (!images.ok()) return images.status();
    return Print(json_ ? DumpJson(ImageListJson(*images)) : ImageTable(*images));
  }

  absl::Status operator()(const RemoveImage& command) {
    FLATVM_RETURN_IF_ERROR(editor_.CheckExists(command.name));
    if (!command.force) FLATVM_RETURN_IF_ERROR(CheckUnused(command.name));
    if (!command.validate_only) FLATVM_RETURN_IF_ERROR(editor_.Remove(command.name));
    if (json_) return Print(DumpJson({{"name", command.name}}));
    return Print(
        StrCat(command.validate_only ? "would remove" : "removed", " image ", command.name, "\n"));
  }

  absl::Status operator()(const VerifyImages& command) {
    std::vector<std::string> names = command.names;
    // A mistyped name is told of before gigabytes are read.
    for (const std::string& name : names) FLATVM_RETURN_IF_ERROR(editor_.CheckExists(name));
    std::vector<VerifiedImage> images;
    if (names.empty()) FLATVM_RETURN_IF_ERROR(FindAll(&names, &images));
    for (const std::string& name : names) {
      FLATVM_ASSIGN_OR_RETURN(VerifiedImage image, editor_.Verify(name));
      images.push_back(std::move(image));
    }
    FLATVM_RETURN_IF_ERROR(
        Print(json_ ? DumpJson(VerifiedListJson(images)) : VerifiedTable(images)));
    return WhatIsWrong(images);
  }

 private:
  // The names of all images. Those that are no names are faults.
  absl::Status FindAll(std::vector<std::string>* names, std::vector<VerifiedImage>* broken) const {
    FLATVM_ASSIGN_OR_RETURN(const std::vector<ListedImage> images, editor_.List());
    for (const ListedImage& image : images) {
      if (editor_.CheckExists(image.name).ok()) {
        names->push_back(image.name);
      } else {
        broken->push_back({.name = image.name, .fault = image.fault});
      }
    }
    return absl::OkStatus();
  }

  absl::Status ListOwn(const std::string& tenant) {
    v1::ListAllImagesRequest request;
    request.set_tenant(tenant);
    const absl::StatusOr<v1::ListAllImagesResponse> answer =
        client_.Call(&v1::Admin::Stub::ListAllImages, request);
    if (!answer.ok()) return answer.status();
    return Print(json_ ? DumpJson(OwnImageListJson(answer->images()))
                       : OwnImageTable(answer->images()));
  }

  // OK if no secondary was made from the image, whatever its state. One of a tenant's own image may
  // be called the same.
  absl::Status CheckUnused(const std::string& name) {
    const absl::StatusOr<v1::ListAllVmsResponse> answer =
        client_.Call(&v1::Admin::Stub::ListAllVms, v1::ListAllVmsRequest());
    if (!answer.ok()) {
      return base::WithContext(
          answer.status(), "nobody says whether the image is in use (--force removes it anyway)");
    }
    std::string first;
    int others = -1;
    for (const v1::Vm& vm : answer->vms()) {
      if (vm.image() != name || !vm.image_id().empty()) continue;
      if (first.empty()) first = StrCat(vm.tenant(), "/", vm.name());
      ++others;
    }
    if (first.empty()) return absl::OkStatus();
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition,
        base::ErrorInfo{.reason = Reason::kImageInUse, .field = "NAME"},
        StrCat("image \"", name, "\" is in use by secondary ", first,
               others == 0 ? std::string()
                           : StrCat(" and ", others, others == 1 ? " other" : " others"),
               ": destroy first what has it, or add --force"));
  }

  static absl::Status WhatIsWrong(const std::vector<VerifiedImage>& images) {
    std::string list;
    const auto add = [&list](const std::string& what) {
      base::StrAppend(&list, list.empty() ? "" : ", ", what);
    };
    for (const VerifiedImage& image : images) {
      if (!image.fault.empty()) add(image.name);
      for (const storage::VerifiedFile& file : image.files) {
        if (IsWrong(file.state)) add(StrCat(image.name, "/", file.name));
      }
    }
    if (list.empty()) return absl::OkStatus();
    return base::MakeError(absl::StatusCode::kFailedPrecondition, Reason::kImageUnusable,
                           StrCat("not as it was added: ", list));
  }

  absl::Status Print(const std::string& text) {
    out_ << text;
    return absl::OkStatus();
  }

  const CatalogEditor editor_;
  const bool json_;
  std::ostream& out_;
  AdminClient& client_;
};

}  // namespace

absl::Status RunImageCommand(const ImageCommand& command, const ImageSurroundings& surroundings) {
  FLATVM_ASSIGN_OR_RETURN(std::string directory, CatalogDirOf(command));
  ImageRunner runner(CatalogEditor(std::move(directory), surroundings.progress), surroundings);
  return NamingOption(std::visit(runner, command.action));
}

}  // namespace flatvm::ctl
