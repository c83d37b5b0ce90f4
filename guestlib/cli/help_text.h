// The part of flatvm --help that is not a list of options.
#pragma once

namespace flatvm::cli {

constexpr const char* kHelpFooter =
    R"(Sizes have a unit: 192MiB, 2GiB. A VM or a volume is a name or an id. Only root may ask.

Examples:
  flatvm create web --image tiny --memory 192MiB --vcpus 1
  flatvm create db --image debian --memory 1GiB --vcpus 2 --disk 8GiB --validate-only
  flatvm list
  flatvm show web --json
  flatvm destroy web db
  flatvm tenant
  flatvm create app --from-disk images/app.raw --memory 1GiB --vcpus 1
  flatvm destroy app --return-disk
  flatvm volume create data --size 10GiB
  mkfs.ext4 $(flatvm volume attach data)
  flatvm volume detach data
  flatvm create web --volume root --data-volume data --memory 1GiB --vcpus 1
  flatvm create db --image debian --network storage --memory 1GiB --vcpus 1
  flatvm image import debian.qcow2

Exit codes:
  0 done                 4 already there        8 the host is unavailable
  1 internal error       5 wrong state          9 deadline passed
  2 bad usage or value   6 over a limit        10 another change in flight
  3 not found            7 not allowed         11 not in the host's version)";

}  // namespace flatvm::cli
