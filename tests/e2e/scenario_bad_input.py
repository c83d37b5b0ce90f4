"""Whatever is asked wrongly: the documented code and reason, the field, limit or cause by name, and nothing left behind."""
import json

from checks import eventually, expect, expect_equal, expect_in

GOOD = {"name": "web", "image": "tiny", "memory": "192MiB", "vcpus": "1"}


def run(l0, checks):
    acme, globex = l0.primary("acme"), l0.primary("globex")
    before = _state(l0)
    _bad_fields(checks, acme)
    _over_budget(checks, acme)
    _names_and_ids(checks, acme, globex)
    _bad_images(l0, checks, acme)
    _wrong_words(l0, checks, acme)
    _bad_tenants(l0, checks)
    _bad_config(l0, checks)
    _not_root(checks, acme)
    _libvirt_stopped(l0, checks, acme)
    after = _state(l0)
    for what, value in before.items():
        with checks.check(f"nothing left behind by any of it: {what}"):
            expect_equal(after[what], value, what)


def _create(primary, **changed):
    words = {**GOOD, **changed}
    options = [word for key in ("image", "memory", "vcpus", "disk") if key in words for word in (f"--{key}", words[key])]
    return primary.flatvm("create", words["name"], *options, "--json")


def _state(l0):
    """What a failed call must not change."""
    return {
        "domains": l0.domains(),
        "links": l0.links(),
        "files": set(l0.run("find /var/lib/flatvm/tenants -mindepth 1 -not -name '*.log'").out.splitlines()),
        "networks": l0.virsh("net-list", "--all", "--name").out.split(),
        "slices": l0.run("systemctl list-units --plain --no-legend 'flatvm-*.slice' | cut -d' ' -f1").out.split(),
        "hosts": set(l0.run("virsh net-dumpxml flatvm-acme | grep '<host '").out.splitlines()),
        "definition": l0.virsh("dumpxml", "--inactive", "initech-primary").out,
        "used": [tenant["used"] for tenant in l0.flatvmctl("tenant", "list", "--json").json()["tenants"]],
    }


def _bad_fields(checks, acme):
    # What the command line itself refuses (a size without a unit) is usage; what reaches the broker names the field.
    for what, changed, field in (
            ("name in upper case", {"name": "Web"}, "spec.name"),
            ("name of 41 letters", {"name": "a" * 41}, "spec.name"),
            ("name with markup", {"name": "a'/><b"}, "spec.name"),
            ("name with a path", {"name": "../web"}, "spec.name"),
            ("the primary's own name", {"name": "primary"}, "spec.name"),
            ("image with a path", {"image": "../../etc"}, "spec.image"),
            ("31 MiB", {"memory": "31MiB"}, "spec.memory_mib"),
            ("more than 4 TiB", {"memory": "5TiB"}, "spec.memory_mib"),
            ("less than the image needs", {"memory": "32MiB"}, "spec.memory_mib"),
            ("0 vCPUs", {"vcpus": "0"}, "spec.vcpus"),
            ("513 vCPUs", {"vcpus": "513"}, "spec.vcpus"),
            ("disk smaller than the image", {"disk": "1MiB"}, "spec.disk_mib"),
            ("disk past 64 TiB", {"disk": "65TiB"}, "spec.disk_mib")):
        with checks.check(f"create refuses: {what}"):
            _create(acme, **changed).expect_error("INVALID_ARGUMENT", field=field)


def _over_budget(checks, acme):
    left = acme.flatvm("tenant", "--json").json()["left"]
    for what, changed, reason, limit in (
            ("memory", {"memory": f"{left['memory_mib']}MiB"}, "TENANT_MEMORY_LIMIT", "memory_mib"),
            ("vCPUs", {"vcpus": str(left["vcpus"] + 1)}, "TENANT_VCPU_LIMIT", "vcpus"),
            ("disk", {"disk": f"{left['disk_mib'] + 1}MiB"}, "TENANT_DISK_LIMIT", "disk_mib")):
        with checks.check(f"over budget: {what}"):
            error = _create(acme, **changed).expect_error("RESOURCE_EXHAUSTED", reason)
            expect_equal(error.get("limit"), limit, "limit")
            expect(error["asked"] > error["left"], f"asked and left: {error}")
            expect_equal(error["limit_value"] - error["used"], error["left"], "the numbers add up")


def _names_and_ids(checks, acme, globex):
    with checks.must("acme makes a secondary to take its name"):
        vm = _create(acme).json()
    with checks.check("name taken"):
        _create(acme).expect_error("ALREADY_EXISTS", "VM_NAME_TAKEN", "spec.name")
    with checks.check("globex may use the same name"):
        _create(globex).ok()
        globex.flatvm("destroy", "web", "--json").ok()
    with checks.check("foreign id: show and destroy answer as if it never was"):
        never = "99999999-9999-4999-8999-999999999999"
        for verb in ("show", "destroy"):
            foreign = globex.flatvm(verb, vm["id"], "--json").expect_error("NOT_FOUND", "VM_NOT_FOUND")
            nobodys = globex.flatvm(verb, never, "--json").expect_error("NOT_FOUND", "VM_NOT_FOUND")
            expect_equal(foreign["message"].replace(vm["id"], never), nobodys["message"], verb)
    with checks.check("a reference that is neither name nor id"):
        acme.flatvm("show", "../web", "--json").expect_error("INVALID_ARGUMENT", field="vm")
    with checks.check("the same request id twice makes one secondary, with another spec it is refused"):
        words = ["create", "twice", "--image", "tiny", "--memory", "192MiB", "--vcpus", "1", "--request-id", "r-1", "--json"]
        first, again = acme.flatvm(*words).json(), acme.flatvm(*words).json()
        expect_equal(first["id"], again["id"], "id")
        words[1] = "thrice"
        acme.flatvm(*words).expect_error("ALREADY_EXISTS", "REQUEST_ID_REUSED", "request_id")
    with checks.must("acme destroys both"):
        acme.flatvm("destroy", "web", "twice", "--json").ok()


def _bad_images(l0, checks, acme):
    with checks.check("unknown image"):
        error = _create(acme, image="none").expect_error("NOT_FOUND", "IMAGE_NOT_FOUND")
        expect_in("none", error["message"], "message")
    with checks.check("an image whose image.json is wrong names where, and no path of the host"):
        l0.run(["mkdir", "-p", "/var/lib/flatvm/catalog/broken"]).ok()
        l0.run("printf '%s' '{\"kernel\": \"../../../etc/shadow\"}' > /var/lib/flatvm/catalog/broken/image.json").ok()
        error = _create(acme, image="broken").expect_error("FAILED_PRECONDITION", "IMAGE_UNUSABLE")
        expect_in("kernel", error["message"], "message")
        expect("/var/lib" not in error["message"], f"a host path: {error}")
    l0.run(["rm", "-r", "/var/lib/flatvm/catalog/broken"]).ok()


def _wrong_words(l0, checks, acme):
    for what, words in (
            ("no command", []), ("unknown command", ["frobnicate"]), ("create without a name", ["create", "--image", "tiny"]),
            ("a size without a unit", ["create", "x", "--image", "tiny", "--memory", "192", "--vcpus", "1"]),
            ("a size of nonsense", ["create", "x", "--image", "tiny", "--memory", "lots", "--vcpus", "1"]),
            ("vCPUs of nonsense", ["create", "x", "--image", "tiny", "--memory", "192MiB", "--vcpus", "-1"])):
        with checks.check(f"flatvm: {what} is a usage error"):
            done = acme.flatvm(*words)
            expect_equal(done.code, 2, f"exit code of {done}")
            expect(done.err.strip(), f"says nothing: {done}")
    with checks.check("flatvmctl: unknown command is a usage error"):
        expect_equal(l0.flatvmctl("frobnicate").code, 2, "exit code")


def _bad_tenants(l0, checks):
    def add(name, primary, memory="4GiB", vcpus="4"):
        return l0.flatvmctl("tenant", "add", name, "--primary", primary, "--memory", memory, "--vcpus", vcpus,
                            "--vms", "8", "--disk", "20GiB", "--json")
    with checks.check("tenant add: a primary that is not defined"):
        error = add("initech", "nobody").expect_error("NOT_FOUND", "PRIMARY_NOT_DEFINED")
        expect_in("nobody", error["message"], "message")
    with checks.check("tenant add: name taken"):
        add("acme", "initech-primary").expect_error("ALREADY_EXISTS", "TENANT_EXISTS", "name")
    with checks.check("tenant add: the primary of another tenant"):
        add("initech", "acme-primary").expect_error("ALREADY_EXISTS", "PRIMARY_HAS_TENANT", "primary")
    with checks.check("tenant add: bad name"):
        add("In/itech", "initech-primary").expect_error("INVALID_ARGUMENT", field="name")
    with checks.check("tenant add: a limit out of range"):
        add("initech", "initech-primary", vcpus="0").expect_error("INVALID_ARGUMENT", field="limits.vcpus")
    with checks.check("tenant add: less than the primary itself"):
        add("initech", "initech-primary", memory="128MiB").expect_error("FAILED_PRECONDITION", "PRIMARY_TOO_LARGE")
    with checks.check("tenant show and remove: no such tenant"):
        for verb in ("show", "remove"):
            l0.flatvmctl("tenant", verb, "initech", "--json").expect_error("NOT_FOUND", "TENANT_NOT_FOUND")


def _bad_config(l0, checks):
    for what, text, path in (
            ("not JSON", "{", "line 1"), ("unknown key", json.dumps({"vsok": {}}), "vsok"),
            ("unknown key below", json.dumps({"vsock": {"prot": 710}}), "vsock.prot"),
            ("wrong type", json.dumps({"vsock": {"port": "710"}}), "vsock.port"),
            ("out of range", json.dumps({"vsock": {"port": 0}}), "vsock.port"),
            ("size without a unit", json.dumps({"overhead": {"vmm": "64"}}), "overhead.vmm"),
            ("wrong unit", json.dumps({"overhead": {"vmm": "64MB"}}), "overhead.vmm"),
            ("duration without a unit", json.dumps({"timeouts": {"create": 60}}), "timeouts.create"),
            ("the same key twice", '{"libvirt_uri": "a:///", "libvirt_uri": "b:///"}', "libvirt_uri")):
        with checks.check(f"flatvmd --check-config: {what}"):
            done = l0.run("cat > /tmp/bad.json && flatvmd --config /tmp/bad.json --check-config", stdin=text)
            expect_equal(done.code, 2, f"exit code of {done}")
            expect_in(path, done.err, "what it says")
    with checks.check("flatvmd --check-config accepts what the package ships"):
        l0.run(["flatvmd", "--check-config"]).ok()


def _not_root(checks, acme):
    with checks.check("only root may ask in the primary"):
        done = acme.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "flatvm", "list", "--json"])
        done.expect_error("PERMISSION_DENIED")


def _libvirt_stopped(l0, checks, acme):
    sockets = ["libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket"]
    with checks.check("libvirtd stopped: create says what is missing, with the code that means try again"):
        l0.run(["systemctl", "stop", *sockets, "libvirtd.service"]).ok()
        try:
            error = _create(acme).expect_error("UNAVAILABLE", "HYPERVISOR_UNAVAILABLE")
            expect_in("libvirt", error["message"], "message")
        finally:
            l0.run(["systemctl", "start", *sockets, "libvirtd.service"]).ok()
    with checks.check("libvirtd back: create works again, with no restart of flatvmd"):
        eventually(60, lambda: _create(acme).code == 0, "create")
        acme.flatvm("destroy", "web", "--json").ok()
