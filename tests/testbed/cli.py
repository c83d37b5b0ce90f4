"""The testbed's words."""
import argparse
import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import copying
import debs
import deployment
import hung
import instances
import logs
import machine
import snapshots
from lanes import LANE_FAILED, in_primary
from places import PACKAGES, Instance, cache_root
from primaries import NAMES
from report import TestbedError, say


def _parser():
    parser = argparse.ArgumentParser(prog="testbed", description="A real flatvm host (L0) in a VM, with its primaries.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--instance", metavar="NAME", default=os.environ.get("FLATVM_TESTBED_INSTANCE", "default"),
                        help="which L0 of this checkout (default: %(default)s)")
    packages = argparse.ArgumentParser(add_help=False)
    packages.add_argument("--packages", metavar="DIR", type=Path, default=PACKAGES,
                          help="built .deb files; without any, L0 and its primaries come up plain (default: build/packages)")
    words = parser.add_subparsers(dest="word", metavar="WORD", required=True)

    def add(name, help_text, *parents):
        return words.add_parser(name, help=help_text, description=help_text, parents=[shared, *parents])

    add("up", "Make what is missing and leave a running L0 with its primaries up.", packages).add_argument(
        "--fresh", action="store_true", help="make the snapshots anew")
    add("build", "Make images and snapshots only.", packages).add_argument(
        "--images", action="store_true", help="stop before the snapshots")
    add("reset", "Go back to the snapshot: L0 as it was right after up.")
    add("power-cut", "End L0 with all that it has only in memory, and boot it again with what its disks have.")
    add("down", "End L0; its disk and memory are thrown away.")
    add("status", "Say whether L0 is up.").add_argument("--json", action="store_true")
    add("deploy", "Install freshly built packages in the running L0 and its primaries.", packages)
    execute = add("exec", "Run a command in L0, with its stdin, stdout, stderr and exit code (124: timeout, 125: no way in).")
    primary = add("primary", "Run a command in a primary, in the same way.")
    primary.add_argument("name", choices=NAMES)
    for sub in (execute, primary):
        sub.add_argument("--timeout", type=int, default=0, metavar="S", help="kill it after S seconds and exit with 124")
        sub.add_argument("--no-stdin", action="store_true", help="give it an empty stdin")
    copy = add("copy", "Copy a file or folder to L0, or from it: the L0 side is l0:PATH, and may be left unmarked as DST.")
    copy.add_argument("source")
    copy.add_argument("target")
    hang = add("hung", "Name the guests of L0 that emulated SVM has hung: nothing can be said of what they were to show.")
    hang.add_argument("--states", action="store_true", help="what each virtual CPU of each guest does right now, instead")
    log = add("logs", "Print L0's journal.")
    log.add_argument("--serial", action="store_true", help="L0's serial console instead; works when L0 does not answer")
    log.add_argument("--unit", help="of one unit only")
    log.add_argument("--collect", metavar="DIR", type=Path, help="write journals, consoles and libvirt's view into DIR")
    return parser


def _up(args, instance):
    debs.require_machine_packages()
    start = time.monotonic()
    built = debs.Built(args.packages)
    done = instances.up(instance, built, args.fresh)
    plain = "" if built else f", without flatvm: there are no packages in {args.packages}"
    say(f"L0 {'was' if done == 'was up' else 'is'} up{plain} ({time.monotonic() - start:.1f} s)")
    return 0


def _build(args, _):
    debs.require_machine_packages()
    recipe = snapshots.Recipe(debs.Built(args.packages))
    if not args.images:
        snapshots.ready(recipe)
    return 0


def _status(args, instance):
    pid, facts = machine.running_pid(instance), machine.facts(instance)
    about = {"up": pid is not None, "instance": instance.name, "pid": pid, "snapshot": facts.get("snapshot"),
             "flatvm": facts.get("packages"), "accelerator": (facts.get("accel") or [None, None])[1],
             "cache": str(cache_root()), "run": str(instance.run), "serial_log": str(instance.serial_log)}
    if args.json:
        print(json.dumps(about, indent=2))
    else:
        for name, value in about.items():
            print(f"{name:12} {value}")
    return 0 if pid else 3


def _become(words):
    os.execv(words[0], words)


def _with_stdin(args):
    return not args.no_stdin and not sys.stdin.isatty()


def _exec(args, instance):
    return _become(instances.lanes_of(instance).words(args.command, args.timeout, _with_stdin(args)))


def _primary(args, instance):
    stdin = _with_stdin(args)
    words = in_primary(args.name, args.command, args.timeout, stdin)
    return _become(instances.lanes_of(instance).words(words, args.timeout + 10 if args.timeout else 0, stdin))


def _down(_, instance):
    say("L0 is down" if instances.down(instance) else "L0 was not up")
    return 0


def _reset(_, instance):
    instances.reset(instance)
    return 0


def _power_cut(_, instance):
    instances.power_cut(instance)
    return 0


def _hung(args, instance):
    lanes = instances.lanes_of(instance)
    print(hung.states(lanes) if args.states else "\n".join(hung.names(lanes)), end="" if args.states else "\n")
    return 0


def _copy(args, instance):
    copying.copy(instances.lanes_of(instance), args.source, args.target)
    return 0


def _deploy(args, instance):
    built = debs.Built(args.packages)
    if not built:
        raise TestbedError(f"no packages in {args.packages}")
    deployment.deploy(instances.lanes_of(instance), built)
    return 0


def _logs(args, instance):
    return logs.show(args, instance)


def main(argv):
    # argparse would keep a first "--" of the command's own, or take its options for ours.
    command = []
    if "--" in argv:
        at = argv.index("--")
        argv, command = argv[:at], argv[at + 1:]
    elif argv[:1] in (["exec"], ["primary"]) and not {"-h", "--help"} & set(argv):
        say(f"{argv[0]} needs `-- COMMAND...`")
        return 2
    args = _parser().parse_args(argv)
    args.command = command
    runs = args.word in ("exec", "primary")
    if runs != bool(command):
        say(f"{args.word} needs `-- COMMAND...`" if runs else f"{args.word} takes no command, got {shlex.join(command)}")
        return 2
    act = {"up": _up, "build": _build, "reset": _reset, "down": _down, "status": _status, "exec": _exec,
           "primary": _primary, "power-cut": _power_cut,
           "copy": _copy, "deploy": _deploy, "hung": _hung, "logs": _logs}[args.word]
    # What is under way is undone on a polite end, too: no QEMU stays behind half made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return act(args, Instance(args.instance))
    except TestbedError as error:
        say(str(error))
        return LANE_FAILED if runs else 1
    except KeyboardInterrupt:
        return 130
