"""The contract suites that a bare machine skips, on a real host: systemd's slices as the port TenantCgroups promises them."""
import subprocess
from pathlib import Path

from checks import expect, expect_in
from machines import TESTBED

PROGRAM = Path(__file__).resolve().parents[2] / "build/dev/tests/contract/cgroups_contract_test"


def run(l0, checks):
    with checks.must("the suite is built and in L0"):
        expect(PROGRAM.exists(), f"{PROGRAM} is missing: ./check contract builds it")
        subprocess.run([str(TESTBED), "copy", str(PROGRAM), "/root/contract"], check=True, stdout=subprocess.DEVNULL)
    with checks.must("flatvmd, which removes slices of tenants that it does not know, is stopped"):
        l0.run(["systemctl", "stop", "flatvmd.socket", "flatvmd-admin.socket", "flatvmd.service"], timeout=120).ok()
    with checks.check("TenantCgroups on systemd keeps the contract"):
        done = l0.run("chmod +x /root/contract && /root/contract --gtest_filter='*OnHostSystemd*'", timeout=180).ok()
        expect_in("[  PASSED  ]", done.out, "the suite's end")
        expect("SKIPPED" not in done.out, done.out)
