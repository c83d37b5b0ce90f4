"""QEMU's monitor, as far as the testbed needs it."""
import json
import socket
import time

from report import TestbedError


class Monitor:
    def __init__(self, path, timeout=20.0):
        deadline = time.monotonic() + timeout
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(str(path))
                break
            except OSError as error:
                self._socket.close()
                if time.monotonic() > deadline:
                    raise TestbedError(f"no monitor at {path}: {error}") from error
                time.sleep(0.01)
        self._socket.settimeout(120)
        self._lines = self._socket.makefile("rb")
        self._read()
        self.call("qmp_capabilities")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._lines.close()
        self._socket.close()

    def _read(self):
        try:
            line = self._lines.readline()
        except ConnectionError:
            line = b""
        if not line:
            raise TestbedError("QEMU closed its monitor")
        return json.loads(line)

    def call(self, command, **arguments):
        request = {"execute": command}
        if arguments:
            request["arguments"] = {name.replace("_", "-"): value for name, value in arguments.items()}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            raise TestbedError("QEMU ended") from None
        while True:
            answer = self._read()
            if "error" in answer:
                raise TestbedError(f"QEMU: {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def wait_for_migration(self, timeout=300.0):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            status = self.call("query-migrate")
            if status.get("status") == "completed":
                return
            if status.get("status") in ("failed", "cancelled"):
                raise TestbedError(f"QEMU: migration {status['status']}: {status.get('error-desc', 'no reason given')}")
            time.sleep(0.01)
        raise TestbedError("QEMU: migration does not end")
