"""The cache: artefacts keyed by the hash of what they are made from, safe for several checkouts at once."""
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from pathlib import Path

from places import cache_root
from report import say

KEPT_PER_KIND = 3
UNTOUCHED_SECONDS = 600


def key_of(*parts):
    """A key from values and from files or folders (their names, modes and contents)."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for path in [part] if part.is_file() else sorted(part.rglob("*")):
                if path.name == "__pycache__" or path.suffix == ".pyc":
                    continue
                info = path.lstat()
                digest.update(f"{path.relative_to(part)}\0{info.st_mode:o}\0".encode())
                if path.is_symlink():
                    digest.update(os.readlink(path).encode())
                elif path.is_file():
                    digest.update(path.read_bytes())
        else:
            digest.update(json.dumps(part, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def _open_lock(kind, key):
    folder = cache_root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / f"{kind}-{key}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


@contextlib.contextmanager
def locked(kind, key):
    lock = _open_lock(kind, key)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that works on {kind} {key}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def hold(kind, key):
    """A file descriptor that keeps the artefact from being collected for as long as anybody has it open."""
    lock = _open_lock(kind, key)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def folder_of(kind, key):
    return cache_root() / kind / key


def get_or_make(kind, key, make, again=False):
    """The artefact's folder; make(folder) fills a new one, which appears under its key only when complete."""
    final = folder_of(kind, key)
    if final.is_dir() and not again:
        os.utime(final)
        return final
    with locked(f"make-{kind}", key):
        if final.is_dir() and not again:
            return final
        draft = final.with_name(f"{key}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            make(draft)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)
    collect(kind)
    return final


def touch(kind, key):
    """Marks an artefact as used: what others of the cache are made from must outlive them."""
    with contextlib.suppress(OSError):
        os.utime(folder_of(kind, key))


def collect(kind):
    """Removes the artefacts of a kind that were not used lately and that nobody holds, and drafts that nobody works on."""
    folders = sorted((cache_root() / kind).iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    done = [path for path in folders if path.suffix != ".draft"]
    for old in done[KEPT_PER_KIND:] + [path for path in folders if path.suffix == ".draft"]:
        if time.time() - old.stat().st_mtime < UNTOUCHED_SECONDS:
            continue
        draft = old.suffix == ".draft"
        lock = _open_lock(f"make-{kind}" if draft else kind, old.stem)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            shutil.rmtree(old, ignore_errors=True)
        finally:
            os.close(lock)
