#include "daemon/ctl/grammar.h"

#include <algorithm>
#include <array>
#include <utility>

#include "CLI/CLI.hpp"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/ctl/help_text.h"

namespace flatvm::ctl {
namespace {

using base::Reason;

// The CLI11 application.
class Grammar {
 public:
  Grammar() : app_("Tenants and their secondary VMs on this host.", "flatvmctl") {
    app_.fallthrough();  // --json and its like may stand anywhere
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(32);
    app_.set_version_flag("--version", "flatvmctl " FLATVM_VERSION);
    app_.add_option("--socket", words_.socket, "flatvmd's socket [/run/flatvm/admin.sock]")
        ->type_name("PATH");
    app_.add_option("--timeout", words_.timeout, "give up after this long [90s]")
        ->type_name("TIME");
    app_.add_flag("--json", words_.json, "answers and errors as JSON");
    AddTenantCommands();
    AddVmCommands();
    AddVolumeCommands();
    AddImageCommands();
    AddCheckCommand();
    app_.footer(kHelpFooter);
  }
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  // CLI11 throws; nothing gets past here.
  absl::StatusOr<std::variant<Words, PrintAndExit>> Parse(std::vector<std::string> args) {
    try {
      std::reverse(args.begin(), args.end());  // CLI11 takes them from the back
      app_.parse(std::move(args));
      return words_;
    } catch (const CLI::CallForHelp&) {
      return PrintAndExit{app_.help()};
    } catch (const CLI::CallForVersion& version) {
      return PrintAndExit{base::StrCat(version.what(), "\n")};
    } catch (const CLI::RequiredError& error) {
      // CLI11 would say "A subcommand is required" of a mistyped one too.
      if (const std::vector<std::string> unknown = app_.remaining(true); !unknown.empty()) {
        return Usage(
            Reason::kFieldMalformed,
            base::StrCat("\"", base::EscapeForLog(unknown.front(), 40), "\" is not understood"));
      }
      return Usage(Reason::kFieldMissing, error.what());
    } catch (const CLI::Error& error) {
      return Usage(Reason::kFieldMalformed, error.what());
    }
  }

 private:
  static absl::Status Usage(Reason reason, const std::string& what) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, reason,
                           base::StrCat(what, "; see flatvmctl --help"));
  }

  CLI::App* AddCommand(CLI::App* parent, CommandWord command, const char* word, const char* what) {
    CLI::App* added = parent->add_subcommand(word, what);
    added->callback([this, command] { words_.command = command; });
    return added;
  }

  void AddTenantCommands() {
    CLI::App* tenant = app_.add_subcommand(
        "tenant", "add, change, remove, list and show tenants, and their networks");
    tenant->require_subcommand(1);
    CLI::App* add = AddCommand(tenant, CommandWord::kTenantAdd, "add",
                               "make a libvirt domain the primary of a new tenant");
    AddTenantName(add);
    add->add_option("--primary", words_.primary, "libvirt domain, persistent")
        ->required()
        ->type_name("DOMAIN");
    for (CLI::Option* option : AddAmountOptions(add)) option->required();
    AddLimitOptions(add);
    AddWord(add, "--quota-disk", &words_.limits.quota_disk,
            "of --disk: a disk in the primary, whose images become its secondaries' [none]",
            "SIZE");
    AddChangeFlags(add);
    AddRestartFlag(add);

    CLI::App* set = AddCommand(tenant, CommandWord::kTenantSet, "set",
                               "change a tenant's limits while it runs");
    AddTenantName(set);
    AddAmountOptions(set);
    AddLimitOptions(set);
    set->add_flag("--force", words_.force, "also to less than is in use");
    AddChangeFlags(set);

    CLI::App* remove =
        AddCommand(tenant, CommandWord::kTenantRemove, "remove", "put the primary back as it was");
    AddTenantName(remove);
    remove->add_flag("--destroy-secondaries", words_.destroy_secondaries,
                     "destroy the tenant's secondaries first");
    remove->add_flag("--delete-volumes", words_.delete_volumes,
                     "delete the tenant's volumes with all that is on them");
    AddChangeFlags(remove);
    AddRestartFlag(remove);

    AddCommand(tenant, CommandWord::kTenantList, "list", "all tenants");
    AddTenantName(AddCommand(tenant, CommandWord::kTenantShow, "show",
                             "one tenant, its limits, usage and secondaries"));
    AddNetworkCommands(tenant);
  }

  void AddNetworkCommands(CLI::App* tenant) {
    CLI::App* network =
        tenant->add_subcommand("network", "add, remove and list a tenant's further networks");
    network->require_subcommand(1);
    CLI::App* add = AddCommand(network, CommandWord::kNetworkAdd, "add",
                               "a network that secondaries may have a NIC on");
    AddNetworkName(add);
    AddWord(add, "--network", &words_.limits.network, "way out: nat, isolated, bridge", "MODE")
        ->required();
    AddWord(add, "--bridge", &words_.bridge, "of --network bridge: a bridge of the host's", "NAME");
    AddWord(add, "--vlan", &words_.vlan, "on that bridge, 1..4094 [none is set]", "NUMBER");
    AddChangeFlags(add);
    CLI::App* remove = AddCommand(network, CommandWord::kNetworkRemove, "remove",
                                  "one that no secondary has a NIC on");
    AddNetworkName(remove);
    AddChangeFlags(remove);
    CLI::App* list = AddCommand(network, CommandWord::kNetworkList, "list",
                                "a tenant's networks, the first one, default, too");
    list->add_option("TENANT", words_.tenant_name, "the tenant's name")->required()->type_name("");
  }

  void AddVmCommands() {
    AddTenantOption(
        AddCommand(&app_, CommandWord::kList, "list", "secondaries of all tenants, or of one"));
    CLI::App* show = AddCommand(&app_, CommandWord::kShow, "show", "one secondary");
    show->add_option("VM", words_.vm_word, "id, TENANT/NAME, or NAME")->required()->type_name("");
    AddTenantOption(show);
    CLI::App* destroy = AddCommand(&app_, CommandWord::kDestroy, "destroy",
                                   "kill secondaries and give back what they held");
    destroy->add_option("VM", words_.vm_words, "ids, TENANT/NAMEs, or NAMEs")
        ->required()
        ->type_name("");
    AddTenantOption(destroy);
    AddChangeFlags(destroy);
  }

  void AddVolumeCommands() {
    CLI::App* volume = app_.add_subcommand("volume", "list volumes");
    volume->require_subcommand(1);
    AddTenantOption(
        AddCommand(volume, CommandWord::kVolumeList, "list", "volumes of all tenants, or of one"));
  }

  void AddImageCommands() {
    CLI::App* image = app_.add_subcommand("image", "add, list, remove and verify catalog images");
    image->require_subcommand(1);
    ImageWords& words = words_.image;
    CLI::App* add =
        AddCommand(image, CommandWord::kImageAdd, "add", "copy an image into the catalog");
    AddImageName(add);
    AddWord(add, "--disk", &words.disk, "a disk image", "FILE");
    AddWord(add, "--format", &words.format, "raw or qcow2 [by the ending of --disk]", "FORMAT");
    AddWord(add, "--kernel", &words.kernel, "booted directly", "FILE");
    AddWord(add, "--initrd", &words.initrd, "for the kernel", "FILE");
    AddWord(add, "--cmdline", &words.cmdline, "for the kernel", "TEXT");
    AddWord(add, "--description", &words.description, "one line", "TEXT");
    AddWord(add, "--min-memory", &words.min_memory, "no secondary of it may have less", "SIZE");
    AddChangeFlags(add);
    CLI::App* list = AddCommand(image, CommandWord::kImageList, "list",
                                "the catalog's images, or tenants' own ones");
    list->add_flag("--own", words.own, "tenants' own images, those of all or of --tenant");
    AddTenantOption(list);
    CLI::App* remove =
        AddCommand(image, CommandWord::kImageRemove, "remove", "delete an image that nobody uses");
    AddImageName(remove);
    remove->add_flag("--force", words_.force, "also one in use, and without asking flatvmd");
    AddChangeFlags(remove);
    CLI::App* verify = AddCommand(image, CommandWord::kImageVerify, "verify",
                                  "compare images with their digests, all or those named");
    verify->add_option("NAME", words.names, "images' names")->type_name("");
    for (CLI::App* command : {add, list, remove, verify}) {
      AddWord(command, "--catalog", &words.catalog, "the catalog's directory [by --config]", "DIR");
      AddWord(command, "--config", &words.config, "[/etc/flatvm/flatvmd.json]", "FILE");
    }
  }

  void AddCheckCommand() {
    CLI::App* check = AddCommand(&app_, CommandWord::kCheck, "check",
                                 "what this host has and lacks, and what that costs");
    AddWord(check, "--config", &words_.check_config, "[/etc/flatvm/flatvmd.json]", "FILE");
  }

  // CLI11 would read an empty word into an optional as none.
  static CLI::Option* AddWord(CLI::App* command, const char* option,
                              std::optional<std::string>* word, const char* what,
                              const char* type) {
    return command
        ->add_option_function<std::string>(
            option, [word](const std::string& text) { *word = text; }, what)
        ->type_name(type);
  }

  std::array<CLI::Option*, 4> AddAmountOptions(CLI::App* command) {
    LimitWords& limits = words_.limits;
    constexpr const char* kForAll = "for all its VMs, the primary included";
    return {AddWord(command, "--memory", &limits.memory, kForAll, "SIZE"),
            AddWord(command, "--vcpus", &limits.vcpus, kForAll, "COUNT"),
            AddWord(command, "--vms", &limits.vms, "secondaries at most", "COUNT"),
            AddWord(command, "--disk", &limits.disk, "for all its secondaries' disks and volumes",
                    "SIZE")};
  }

  void AddLimitOptions(CLI::App* command) {
    LimitWords& limits = words_.limits;
    AddWord(command, "--cpus", &limits.cpus, "host CPUs it runs on, such as 2-5,8, or all", "LIST");
    AddWord(command, "--read-bps", &limits.read_bps, "read in a second at most, or none", "SIZE");
    AddWord(command, "--write-bps", &limits.write_bps, "written in a second at most, or none",
            "SIZE");
    AddWord(command, "--read-iops", &limits.read_iops, "reads in a second at most, or none",
            "COUNT");
    AddWord(command, "--write-iops", &limits.write_iops, "writes in a second at most, or none",
            "COUNT");
    AddWord(command, "--carve", &limits.carve, "where secondaries come from: reserved, balloon",
            "MODE");
    AddWord(command, "--primary-min-memory", &limits.primary_min_memory,
            "what the primary keeps with --carve balloon", "SIZE");
    AddWord(command, "--forward", &limits.forward,
            "host ports that lead to machines, such as tcp:8080=web:80, or none", "LIST");
    AddWord(command, "--network", &limits.network, "way out: nat, isolated, via-primary", "MODE");
    AddWord(command, "--net-out-bps", &limits.net_out_bps,
            "sent to the world in a second at most, or none", "SIZE");
    AddWord(command, "--net-in-bps", &limits.net_in_bps,
            "got from the world in a second at most, or none", "SIZE");
    AddWord(command, "--vm-net-out-bps", &limits.vm_net_out_bps,
            "sent by each secondary in a second at most, or none", "SIZE");
    AddWord(command, "--vm-net-in-bps", &limits.vm_net_in_bps,
            "got by each secondary in a second at most, or none", "SIZE");
  }

  void AddTenantName(CLI::App* command) {
    command->add_option("NAME", words_.tenant_name, "the tenant's name")->required()->type_name("");
  }
  void AddNetworkName(CLI::App* command) {
    command->add_option("TENANT", words_.tenant_name, "the tenant's name")
        ->required()
        ->type_name("");
    command->add_option("NAME", words_.network_name, "the network's name")
        ->required()
        ->type_name("");
  }
  void AddImageName(CLI::App* command) {
    command->add_option("NAME", words_.image.name, "the image's name")->required()->type_name("");
  }
  void AddTenantOption(CLI::App* command) {
    command->add_option("--tenant", words_.tenant_option, "the tenant's name")->type_name("NAME");
  }
  void AddChangeFlags(CLI::App* command) {
    command->add_flag("--validate-only", words_.validate_only,
                      "decide and explain, change nothing");
  }
  void AddRestartFlag(CLI::App* command) {
    command->add_flag("--restart", words_.restart, "restart the primary now if it needs it");
  }

  Words words_;
  CLI::App app_;
};

}  // namespace

absl::StatusOr<std::variant<Words, PrintAndExit>> ParseWords(std::vector<std::string> args) {
  return Grammar().Parse(std::move(args));
}

}  // namespace flatvm::ctl
