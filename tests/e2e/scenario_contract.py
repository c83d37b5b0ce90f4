"""Suites that a bare machine skips, on a real host: systemd's slices as the port TenantCgroups promises them, and bridges that filter VLANs."""
import subprocess
from pathlib import Path

from checks import expect, expect_in
from machines import TESTBED

BUILT = Path(__file__).resolve().parents[2] / "build/dev/tests"


def run(l0, checks):
    with checks.must("flatvmd, which removes slices of tenants that it does not know, is stopped"):
        l0.run(["systemctl", "stop", "flatvmd.socket", "flatvmd-admin.socket", "flatvmd.service"], timeout=120).ok()
    with checks.check("TenantCgroups on systemd keeps the contract"):
        _run(l0, "contract/cgroups_contract_test", "*OnHostSystemd*")
    with checks.check("on bridges that filter VLANs machines are held to theirs"):
        _run(l0, "integration/operator_bridges_test", "*")


def _run(l0, suite, tests):
    program, there = BUILT / suite, "/root/suite"
    expect(program.exists(), f"{program} is missing: ./check contract integration builds it")
    subprocess.run([str(TESTBED), "copy", str(program), there], check=True, stdout=subprocess.DEVNULL)
    done = l0.run(f"chmod +x {there} && {there} --gtest_filter='{tests}'", timeout=180).ok()
    expect_in("[  PASSED  ]", done.out, "the suite's end")
    expect("SKIPPED" not in done.out, done.out)
