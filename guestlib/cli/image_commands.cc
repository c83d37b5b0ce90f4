#include "guestlib/cli/image_commands.h"

#include <variant>

#include "guestlib/cli/render_image.h"
#include "guestlib/cli/render_text.h"

namespace flatvm::cli {
namespace {

// An operator() for each command.
class ImageRunner {
 public:
  ImageRunner(HostService& service, ImportMeter& meter, const Answers& answers)
      : service_(service), meter_(meter), answers_(answers) {}

  int operator()(const ImportImageCommand& command) const {
    ImportSpec spec = command.spec;
    spec.progress = [this](const ImportProgress& progress) { meter_.Show(progress); };
    const Result<Image> image = service_.ImportImage(spec, command.call);
    meter_.End();
    if (!image.ok()) return answers_.Fail(image.error());
    if (answers_.json()) return answers_.Print(DumpJson(ImageJson(*image)));
    return answers_.Print(command.call.validate_only ? WouldImportLine(*image)
                                                     : ImportedLine(*image));
  }

  int operator()(const RemoveImagesCommand& command) const {
    const char* verb = command.call.validate_only ? "would remove " : "removed ";
    return answers_.RemoveEach(
        command.images,
        [&](const std::string& image) { return service_.RemoveImage(image, command.call); },
        [&](const Image& image) { return RemovedLine(verb, image.name, image.id); }, &ImageJson,
        &ImageListJson);
  }

  int operator()(const ListImagesCommand& /*command*/) const {
    const Result<std::vector<Image>> images = service_.ListImages();
    if (!images.ok()) return answers_.Fail(images.error());
    return answers_.Print(answers_.json() ? DumpJson(ImageListJson(*images)) : ImageTable(*images));
  }

 private:
  HostService& service_;
  ImportMeter& meter_;
  const Answers& answers_;
};

}  // namespace

int RunImageCommand(const ImageCommand& command, HostService& service, ImportMeter& meter,
                    const Answers& answers) {
  return std::visit(ImageRunner(service, meter, answers), command);
}

}  // namespace flatvm::cli
