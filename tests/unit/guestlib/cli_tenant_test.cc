// What `flatvm tenant` prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guestlib/cli/render_json.h"
#include "tests/unit/guestlib/cli_host.h"

namespace flatvm::cli {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

TEST(FlatvmTenant, ShowsLimitsAndUsage) {
  FakeHost host;
  EXPECT_EQ(RunFlatvm({"tenant"}, host).out,
            "tenant:     acme\n"
            "primary:    running\n"
            "  cid:      5\n"
            "  mac:      52:54:00:00:00:01\n"
            "  address:  10.213.0.2\n"
            "  ipv6:     fd12:3456:789a:1:5054:ff:fe00:1\n"
            "  memory:   1GiB granted of 1280MiB\n"
            "  cpu:      150% granted of 2 vCPUs\n"
            "subnet:     10.213.0.0/24\n"
            "gateway:    10.213.0.1\n"
            "ipv6:       fd12:3456:789a:1::/64\n"
            "gateway 6:  fd12:3456:789a:1::1\n"
            "networks:   storage (isolated, 10.213.5.0/24)\n"
            "overhead:   64MiB a VM\n"
            "created:    2023-11-14T22:13:20Z\n"
            "\n"
            "AMOUNT  LIMIT  USED     LEFT\n"
            "memory  4GiB   1344MiB  2752MiB\n"
            "vcpus   4      2        2\n"
            "vms     8      1        7\n"
            "disk    20GiB  2GiB     18GiB\n"
            "\n"
            "cpus:        2-5,8\n"
            "read:        200MiB/s, 1000 iops\n"
            "write:       no limit\n"
            "carve:       balloon, the primary keeps at least 512MiB\n"
            "way out:     via-primary\n"
            "net out:     50MiB/s\n"
            "net in:      no limit\n"
            "vm net out:  no limit\n"
            "vm net in:   64KiB/s\n"
            "quota disk:  5GiB\n"
            "\n"
            "by the kernel's count:\n"
            "  memory:     1.4GiB\n"
            "  oom kills:  1\n"
            "  cpu time:   3 h 12 min, throttled 1.2 s\n"
            "  tasks:      42\n"
            "  read:       310MiB\n"
            "  written:    512B\n"
            "\n"
            "PRESSURE  SOME    FULL\n"
            "memory    0.50%   0.25%\n"
            "cpu       12.35%  0.00%\n"
            "io        0.00%   0.00%\n");
  host.tenant.primary.needs_restart = true;
  EXPECT_THAT(RunFlatvm({"tenant"}, host).out, HasSubstr("running, needs to be shut down"));
}

TEST(FlatvmTenant, OfAnOlderHostShowsWhatItSays) {
  FakeHost host;
  host.tenant.primary.memory_mib = host.tenant.primary.vcpus = 0;
  host.tenant.primary.ipv6_address = host.tenant.ipv6_subnet = host.tenant.ipv6_gateway = "";
  host.tenant.io = {};
  host.tenant.cpus = "";
  host.tenant.carve = {};
  host.tenant.usage.reset();
  host.tenant.network_mode = NetworkMode::kNat;
  host.tenant.net = {};
  host.tenant.quota_disk_mib = 0;
  const std::string out = RunFlatvm({"tenant"}, host).out;
  EXPECT_THAT(out, HasSubstr("  ipv6:     -\n  memory:   -\n  cpu:      -\n"));
  EXPECT_THAT(out, HasSubstr("ipv6:       -\ngateway 6:  -\n"));
  EXPECT_THAT(out, EndsWith("\n"
                            "cpus:        -\n"
                            "read:        no limit\n"
                            "write:       no limit\n"
                            "carve:       reserved\n"
                            "way out:     nat\n"
                            "net out:     no limit\n"
                            "net in:      no limit\n"
                            "vm net out:  no limit\n"
                            "vm net in:   no limit\n"
                            "quota disk:  -\n"));
  const Json tenant = Json::parse(RunFlatvm({"tenant", "--json"}, host).out, nullptr, false);
  ASSERT_TRUE(tenant.contains("usage"));
  EXPECT_TRUE(tenant["usage"].is_null());
}

TEST(FlatvmTenant, IsJsonToo) {
  FakeHost host;
  const Json tenant = Json::parse(RunFlatvm({"tenant", "--json"}, host).out, nullptr, false);
  EXPECT_EQ(tenant, Json::parse(R"({
    "name": "acme",
    "limits": {"memory_mib": 4096, "vcpus": 4, "vms": 8, "disk_mib": 20480},
    "used": {"memory_mib": 1344, "vcpus": 2, "vms": 1, "disk_mib": 2048},
    "left": {"memory_mib": 2752, "vcpus": 2, "vms": 7, "disk_mib": 18432},
    "primary": {"state": "running", "cid": 5, "mac": "52:54:00:00:00:01",
                "address": "10.213.0.2", "needs_restart": false, "memory_mib": 1280, "vcpus": 2,
                "granted_memory_mib": 1024, "granted_cpu_percent": 150,
                "ipv6_address": "fd12:3456:789a:1:5054:ff:fe00:1"},
    "subnet": "10.213.0.0/24",
    "gateway": "10.213.0.1",
    "vmm_overhead_mib": 64,
    "created_at": "2023-11-14T22:13:20Z",
    "io": {"read_bytes": 209715200, "write_bytes": 0, "read_operations": 1000,
           "write_operations": 0},
    "cpus": "2-5,8",
    "carve": {"mode": "balloon", "primary_min_memory_mib": 512},
    "quota_disk_mib": 5120,
    "network_mode": "via-primary",
    "ipv6_subnet": "fd12:3456:789a:1::/64",
    "ipv6_gateway": "fd12:3456:789a:1::1",
    "net": {"out_bytes": 52428800, "in_bytes": 0, "vm_out_bytes": 0, "vm_in_bytes": 65536},
    "networks": [{"name": "storage", "mode": "isolated", "subnet": "10.213.5.0/24",
                  "gateway": "10.213.5.1", "ipv6_subnet": "", "ipv6_gateway": "",
                  "domain": "storage.acme.internal"}],
    "usage": {"memory_bytes": 1572864000, "oom_kills": 1, "cpu_us": 11520000000,
              "throttled_us": 1250000, "tasks": 42, "read_bytes": 325058560, "write_bytes": 512,
              "memory_pressure": {"some_percent": 0.5, "full_percent": 0.25},
              "cpu_pressure": {"some_percent": 12.35, "full_percent": 0.0},
              "io_pressure": {"some_percent": 0.0, "full_percent": 0.0}}})"));
}

}  // namespace
}  // namespace flatvm::cli
