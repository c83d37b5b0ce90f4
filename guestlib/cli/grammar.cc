#include "guestlib/cli/grammar.h"

#include <algorithm>
#include <utility>

#include "CLI/CLI.hpp"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "guestlib/cli/help_text.h"
#include "guestlib/cli/option_values.h"

namespace flatvm::cli {
namespace {

using base::StrCat;

constexpr const char* kSeeHelp = "; see flatvm --help";

// The CLI11 application.
class Grammar {
 public:
  Grammar() : app_("Sibling VMs of this VM, from its host.", "flatvm") {
    app_.fallthrough();  // --json and its like may stand anywhere
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(28);
    app_.set_version_flag("--version", "flatvm " FLATVM_VERSION);
    app_.add_option("--timeout", words_.timeout, "give up after this long [90s]")
        ->type_name("TIME");
    app_.add_flag("--json", words_.json, "answers and errors as JSON");
    app_.add_option("--port", words_.port)->type_name("PORT")->group("");  // for tests and trials
    AddVmCommands();
    Add(&app_, CommandWord::kTenant, "tenant", "limits, and what is used of them");
    AddVolumeCommands();
    AddImageCommands();
    app_.footer(kHelpFooter);
  }
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  // CLI11 throws; nothing gets past here.
  Result<std::variant<Words, PrintAndExit>> Parse(std::vector<std::string> args) {
    using Parsed = std::variant<Words, PrintAndExit>;
    try {
      std::reverse(args.begin(), args.end());  // CLI11 takes them from the back
      app_.parse(std::move(args));
      return Parsed(words_);
    } catch (const CLI::CallForHelp&) {
      return Parsed(PrintAndExit{app_.help()});
    } catch (const CLI::CallForVersion& version) {
      return Parsed(PrintAndExit{StrCat(version.what(), "\n")});
    } catch (const CLI::RequiredError& error) {
      const CLI::App* last = LastCommand();
      if (HasCommands(*last)) return NoCommand(*last);
      return UsageError(Reason::kFieldMissing, StrCat(error.what(), kSeeHelp));
    } catch (const CLI::Error& error) {
      return UsageError(Reason::kFieldMalformed, StrCat(error.what(), kSeeHelp));
    }
  }

 private:
  // The innermost command that was given; the program itself if none was.
  const CLI::App* LastCommand() const {
    const CLI::App* last = &app_;
    while (!last->get_subcommands().empty()) last = last->get_subcommands().front();
    return last;
  }

  static bool HasCommands(const CLI::App& app) {
    return !app.get_subcommands([](const CLI::App*) { return true; }).empty();
  }

  // CLI11 would only say that one is required.
  Error NoCommand(const CLI::App& last) const {
    const bool inner = &last != &app_;
    const std::vector<std::string> unknown = app_.remaining(true);
    if (unknown.empty()) {
      return UsageError(Reason::kFieldMissing,
                        StrCat("a command is required", inner ? " after " : "",
                               inner ? last.get_name() : "", kSeeHelp));
    }
    return UsageError(Reason::kFieldMalformed,
                      StrCat("there is no command \"", inner ? last.get_name() + " " : "",
                             base::EscapeForLog(unknown.front(), 40), "\"", kSeeHelp));
  }

  CLI::App* Add(CLI::App* parent, CommandWord command, const char* word, const char* what) {
    CLI::App* added = parent->add_subcommand(word, what);
    added->callback([this, command] { words_.command = command; });
    return added;
  }

  void AddVmCommands() {
    CLI::App* create = Add(&app_, CommandWord::kCreate, "create", "boot a VM beside this one");
    AddPositional(create, "NAME", &words_.name, "its name");
    AddWord(create, "--image", &words_.image, "NAME", "an image: an own one, or the host's");
    AddWord(create, "--volume", &words_.volume, "NAME", "instead: the volume that it boots from");
    AddWord(create, "--from-disk", &words_.from_disk, "PATH",
            "instead: a raw image on the quota disk, from its root, that becomes its disk");
    create
        ->add_option("--data-volume", words_.data_volumes,
                     "a volume as a further disk; up to 8 times")
        ->allow_extra_args(false)  // else NAME after it were another
        ->type_name("NAME");
    create
        ->add_option("--network", words_.networks,
                     "a NIC on that network of the tenant's, too; up to 3 times")
        ->allow_extra_args(false)
        ->type_name("NAME");
    create->add_option("--memory", words_.memory, "memory of its guest")
        ->required()
        ->type_name("SIZE");
    create->add_option("--vcpus", words_.vcpus, "virtual CPUs")->required()->type_name("COUNT");
    create->add_option("--disk", words_.disk, "size of its disk [the image's own]")
        ->type_name("SIZE");
    AddRequestId(create, "the same id never makes a second VM");
    AddValidateOnly(create);

    CLI::App* destroy =
        Add(&app_, CommandWord::kDestroy, "destroy", "kill VMs and give back what they held");
    AddPositional(destroy, "VM", &words_.subjects, "names or ids");
    AddReturnDisk(destroy);
    AddValidateOnly(destroy);
    AddPositional(Add(&app_, CommandWord::kShow, "show", "one VM"), "VM", &words_.subject,
                  "name or id");
    Add(&app_, CommandWord::kList, "list", "all VMs of this tenant");
  }

  void AddVolumeCommands() {
    CLI::App* volume = app_.add_subcommand("volume", "disks that outlive the VMs that have them");
    volume->require_subcommand(1);
    CLI::App* create = Add(volume, CommandWord::kVolumeCreate, "create", "make an empty volume");
    AddPositional(create, "NAME", &words_.name, "its name");
    AddSize(create, "its size");
    AddWord(create, "--from-disk", &words_.from_disk, "PATH",
            "instead: a raw image on the quota disk, from its root, that becomes the volume");
    AddRequestId(create, kOnlyOneVolume);
    AddValidateOnly(create);

    CLI::App* clone = Add(volume, CommandWord::kVolumeClone, "clone", "copy a volume");
    AddPositional(clone, "SOURCE", &words_.source, "the volume to copy, which no VM has");
    AddPositional(clone, "NAME", &words_.name, "the copy's name");
    AddSize(clone, "the copy's size [the same]");
    AddRequestId(clone, kOnlyOneVolume);
    AddValidateOnly(clone);

    CLI::App* attach = Add(volume, CommandWord::kVolumeAttach, "attach",
                           "plug one into this VM; prints its device");
    CLI::App* detach = Add(volume, CommandWord::kVolumeDetach, "detach", "unplug one from this VM");
    detach->add_flag("--force", words_.force, "also while it is mounted in this VM");
    CLI::App* resize = Add(volume, CommandWord::kVolumeResize, "resize", "make one larger");
    AddSize(resize, "its new size");
    for (CLI::App* command : {attach, detach, resize}) {
      AddPositional(command, "VOLUME", &words_.subject, "name or id");
      AddRequestId(command, "for the host's journal");
      AddValidateOnly(command);
    }
    CLI::App* remove =
        Add(volume, CommandWord::kVolumeDelete, "delete", "delete volumes with all on them");
    AddPositional(remove, "VOLUME", &words_.subjects, "names or ids");
    AddReturnDisk(remove);
    AddValidateOnly(remove);
    Add(volume, CommandWord::kVolumeList, "list", "all volumes of this tenant");
    AddPositional(Add(volume, CommandWord::kVolumeShow, "show", "one volume"), "VOLUME",
                  &words_.subject, "name or id");
  }

  void AddImageCommands() {
    CLI::App* image =
        app_.add_subcommand("image", "what VMs are made from: own images, and the host's");
    image->require_subcommand(1);
    CLI::App* import = Add(image, CommandWord::kImageImport, "import",
                           "make an own image of a file; goes on where it was cut off");
    AddPositional(import, "FILE", &words_.file, "a disk image, or a block device");
    import->add_option("--name", words_.name, "the image's name [the file's, without its ending]")
        ->type_name("NAME");
    AddWord(import, "--format", &words_.format, "FORMAT", "raw or qcow2 [by the file's ending]");
    AddRequestId(import, "for the host's journal");
    AddValidateOnly(import);
    CLI::App* remove =
        Add(image, CommandWord::kImageRemove, "remove", "remove own images, or imports begun");
    AddPositional(remove, "IMAGE", &words_.subjects, "names or ids");
    AddValidateOnly(remove);
    Add(image, CommandWord::kImageList, "list", "own images, and the host's");
  }

  template <typename Word>
  static void AddPositional(CLI::App* command, const char* word, Word* target, const char* what) {
    command->add_option(word, *target, what)->required()->type_name("");
  }
  // CLI11 would read an empty word into an optional as none.
  static void AddWord(CLI::App* command, const char* option, std::optional<std::string>* word,
                      const char* type, const char* what) {
    command
        ->add_option_function<std::string>(
            option, [word](const std::string& text) { *word = text; }, what)
        ->type_name(type);
  }
  void AddSize(CLI::App* command, const char* what) {
    AddWord(command, "--size", &words_.size, "SIZE", what);
  }
  void AddRequestId(CLI::App* command, const char* what) {
    command->add_option("--request-id", words_.request_id, what)->type_name("ID");
  }
  void AddReturnDisk(CLI::App* command) {
    command->add_flag("--return-disk", words_.return_disk,
                      "what came from the quota disk becomes a file there again");
  }
  void AddValidateOnly(CLI::App* command) {
    command->add_flag("--validate-only", words_.validate_only,
                      "decide and explain, change nothing");
  }

  static constexpr const char* kOnlyOneVolume = "the same id never makes a second volume";

  Words words_;
  CLI::App app_;
};

}  // namespace

Result<std::variant<Words, PrintAndExit>> ParseWords(std::vector<std::string> args) {
  return Grammar().Parse(std::move(args));
}

}  // namespace flatvm::cli
