"""Files and folders between the machine and L0."""
import os
import subprocess
from pathlib import Path

from report import TestbedError

_INTO = 'if [ -d "$1" ] || [ "${1%/}" != "$1" ]; then mkdir -p "$1"; t=${1%/}/$2; else mkdir -p "$(dirname "$1")"; t=$1; fi; '
_RECEIVE_FILE = _INTO + 'cat > "$t.part" && chmod "$3" "$t.part" && mv "$t.part" "$t"'
_RECEIVE_FOLDER = _INTO + 'mkdir -p "$t" && tar -C "$t" --no-same-owner -xf -'
_MARK = "l0:"
_SECONDS = 1200


def copy(lanes, source, target):
    """cp -r between two sides; the sides are told by l0: (a target without it is L0's unless the source is)."""
    if source.startswith(_MARK):
        if target.startswith(_MARK):
            raise TestbedError("both sides are in L0: use `testbed exec -- cp`")
        return _from_l0(lanes, source.removeprefix(_MARK), Path(target))
    return to_l0(lanes, Path(source), target.removeprefix(_MARK))


def to_l0(lanes, source, target):
    if not source.exists():
        raise TestbedError(f"{source} does not exist")
    if source.is_dir():
        sender = subprocess.Popen(["tar", "-C", str(source), "-cf", "-", "."], stdout=subprocess.PIPE)
        stream, script = sender.stdout, _RECEIVE_FOLDER
    else:
        sender, stream, script = None, open(source, "rb"), _RECEIVE_FILE
    with stream:
        mode = f"{source.stat().st_mode & 0o777:o}"
        words = lanes.words(["sh", "-c", script, "copy", target, source.resolve().name, mode], timeout=_SECONDS, stdin=True)
        done = subprocess.run(words, stdin=stream, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0 or (sender and sender.wait() != 0):
        raise TestbedError(f"copying {source} to L0's {target} failed: {done.stderr.strip()}")


def _from_l0(lanes, source, target):
    kind = lanes.run(["sh", "-c", 'if [ -d "$0" ]; then echo folder; elif [ -e "$0" ]; then stat -c %a "$0"; fi', source])
    answer = kind.stdout.strip()
    if not answer:
        raise TestbedError(f"L0 has no {source}")
    if target.is_dir():
        target = target / Path(source).name
    target.parent.mkdir(parents=True, exist_ok=True)
    if answer == "folder":
        target.mkdir(exist_ok=True)
        with subprocess.Popen(lanes.words(["tar", "-C", source, "-cf", "-", "."], _SECONDS), stdout=subprocess.PIPE) as sender:
            done = subprocess.run(["tar", "-C", str(target), "-xf", "-"], stdin=sender.stdout, check=False)
            failed = sender.wait() or done.returncode
    else:
        with open(target, "wb") as file:
            failed = subprocess.run(lanes.words(["cat", source], _SECONDS), stdout=file, check=False).returncode
        os.chmod(target, int(answer, 8))
    if failed:
        raise TestbedError(f"copying L0's {source} to {target} failed")
