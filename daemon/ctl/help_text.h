// The part of flatvmctl --help that is not a list of options.
#pragma once

namespace flatvm::ctl {

constexpr const char* kHelpFooter =
    R"(Sizes have a unit: 512MiB, 4GiB. A VM is an id, TENANT/NAME, or NAME with --tenant.

Examples:
  flatvmctl tenant add acme --primary acme-primary --memory 4GiB --vcpus 4 --vms 8 --disk 20GiB
  flatvmctl tenant set acme --memory 8GiB --read-bps 200MiB --validate-only
  flatvmctl tenant set acme --carve balloon --primary-min-memory 1GiB
  flatvmctl tenant set acme --forward tcp:8080=web:80
  flatvmctl tenant set acme --net-out-bps 50MiB --vm-net-out-bps 20MiB
  flatvmctl tenant network add acme storage --network isolated
  flatvmctl tenant show acme
  flatvmctl list --json
  flatvmctl show acme/web
  flatvmctl destroy acme/web acme/db
  flatvmctl volume list --tenant acme
  flatvmctl image add bookworm --disk bookworm.qcow2 --min-memory 256MiB
  flatvmctl image verify
  flatvmctl check
  flatvmctl tenant remove acme --destroy-secondaries --delete-volumes

Exit codes:
  0 done                 4 already there        8 flatvmd or libvirt unavailable
  1 internal error       5 wrong state          9 deadline passed
  2 bad usage or value   6 over a limit        10 another change in flight
  3 not found            7 not allowed         11 not in this version)";

}  // namespace flatvm::ctl
