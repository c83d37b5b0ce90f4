"""The folder law as a table: what each folder may include, and what no file may be. Only data; scan.py reads code by it."""
from __future__ import annotations

import dataclasses

# What an #include that is none of ours or the system's belongs to.
THIRD_PARTY = {
    'absl': r'absl/',
    'gRPC': r'(grpc|grpcpp|grpc\+\+)/',
    'protobuf': r'google/protobuf/',
    'libvirt': r'libvirt/',
    'nlohmann': r'nlohmann/',
    'systemd': r'systemd/',
    'pugixml': r'(pugixml|pugiconfig)\.hpp$',
    'CLI11': r'CLI/',
    'nftables': r'nftables/',
    'seccomp': r'seccomp\.h$',
    'ext2fs': r'(ext2fs|et)/',
    'OpenSSL': r'openssl/',
    'test': r'(gtest|gmock|benchmark)/',
}

# Standard library, libc and kernel headers.
SYSTEM = r'((sys|linux|net|netinet|arpa|asm|bits)/[\w/.-]+|[\w.]+)$'


@dataclasses.dataclass(frozen=True)
class Room:
    """A folder and what its files may include beside themselves and the system's headers.

    `ours`: path prefixes, or whole paths of port headers. A name followed by ' in .cc' is for .cc files only, and one
    followed by ' in <file>' for that file only.
    """
    ours: tuple[str, ...] = ()
    third_party: tuple[str, ...] = ()
    everything: bool = False


BASE = 'daemon/base/'
PROTO = 'proto'  # generated: flatvm/v1/*.pb.h, flatvm/internal/*.pb.h
CLIENT = 'client'  # libflatvm's public headers: flatvm/*.h

ROOMS = {
    'daemon/base': Room((), ('absl',)),
    'daemon/libvirt': Room((BASE,), ('absl', 'libvirt')),
    'daemon/systemd': Room((BASE,), ('absl', 'systemd')),
    'daemon/hypervisor': Room((BASE, 'daemon/libvirt/ in .cc'), ('absl', 'libvirt in .cc', 'pugixml')),
    'daemon/config': Room((BASE,), ('absl', 'nlohmann')),
    'daemon/broker': Room(
        (BASE, 'daemon/hypervisor/hypervisor.h', 'daemon/hypervisor/primary_share.h', 'daemon/hypervisor/primary_disks.h',
         'cgroups/tenant_cgroups.h', 'network/tenant_networks.h', 'network/ipv4.h', 'network/address_pool.h',
         'storage/tenant_storage.h', 'storage/tenant_volumes.h', 'storage/tenant_images.h', 'storage/quota_disks.h',
         'storage/image_returns.h'), ('absl',)),
    'daemon/state': Room(
        (BASE, 'daemon/broker/records.h', 'daemon/broker/record_store.h', 'network/ipv4.h'), ('absl', 'nlohmann')),
    'daemon/gate': Room((BASE, 'daemon/broker/tenant_gate.h', 'daemon/systemd/', PROTO), ('absl', 'protobuf', 'systemd')),
    'daemon/front': Room((BASE, PROTO), ('absl', 'protobuf', 'gRPC')),
    'daemon/rpc': Room((BASE, 'daemon/broker/', 'network/ipv4.h', PROTO), ('absl', 'protobuf', 'gRPC')),
    'daemon/check': Room((BASE, 'daemon/config/config.h', 'daemon/libvirt/ in .cc', 'storage/sparse_copy.h',
                          'network/uplink.h', 'network/ipv4.h', 'network/guard/tenant_guard.h'), ('absl', 'libvirt in .cc')),
    'daemon/ctl': Room(
        (BASE, PROTO, 'daemon/check/', 'storage/catalog_editor.h', 'storage/new_image.h', 'daemon/config/config.h', 'daemon/config/parse_config.h'),
        ('absl', 'protobuf', 'gRPC', 'CLI11', 'nlohmann')),
    'daemon/app': Room(everything=True),
    'daemon': Room(everything=True),  # main.cc
    'cgroups': Room((BASE, 'daemon/systemd/'), ('absl',)),
    'network/netlink': Room((BASE,), ('absl',)),
    'network/guard': Room((BASE, 'network/netlink/', 'network/ipv4.h', 'network/ipv6.h'), ('absl',)),
    'network/dnsmasq': Room(
        (BASE, 'daemon/systemd/', 'network/network_servers.h', 'network/network_spec.h', 'network/tenant_networks.h'), ('absl',)),
    'network': Room((BASE, 'daemon/libvirt/ in .cc', 'network/netlink/', 'network/guard/'), ('absl', 'libvirt in .cc', 'pugixml', 'nftables in .cc')),
    'storage': Room((BASE, 'daemon/libvirt/ in .cc'), ('absl', 'nlohmann in image_manifest.cc', 'OpenSSL in sha256.cc')),
    'daemon/quota_worker': Room(
        (BASE, 'storage/extfs/', 'storage/extent.h', 'storage/disk_run.h', 'storage/extent_copy.h', 'storage/extent_fill.h',
         'storage/sparse_copy.h', PROTO),
        ('absl', 'protobuf')),
    'daemon/quota': Room((BASE, 'daemon/systemd/', 'storage/quota_worker.h', PROTO), ('absl', 'protobuf', 'systemd in .cc')),
    'daemon/import_worker': Room((BASE, 'storage/sha256.h', PROTO), ('absl', 'protobuf')),
    'daemon/imports': Room(
        (BASE, 'daemon/systemd/', 'storage/import_worker.h', 'storage/tenant_images.h', PROTO), ('absl', 'protobuf', 'systemd in .cc')),
    'storage/extfs': Room((BASE, 'storage/extent.h', 'storage/disk_run.h', 'storage/unusable_image.h'), ('absl', 'ext2fs in .cc')),
    'guestlib/include/flatvm': Room((CLIENT,)),
    'guestlib/src': Room((CLIENT, PROTO), ('protobuf', 'gRPC', 'OpenSSL in file_digest.cc')),
    'guestlib/cli': Room((CLIENT, BASE), ('absl', 'CLI11', 'nlohmann')),
}

# Top-level folders whose code the table is about; what is below tests/ may include anything.
PRODUCT = ('daemon', 'cgroups', 'network', 'storage', 'guestlib')

# (file, what it includes) that the table forbids, and why it may.
INCLUDE_EXCEPTIONS = {
    ('daemon/hypervisor/libvirt_hypervisor.h', 'libvirt'):
        'the adapter itself: no other room but app may include it, as the table has it',
    ('daemon/hypervisor/libvirt_hypervisor.h', 'daemon/libvirt/'): 'as above',
    ('daemon/hypervisor/domain_lookup.h', 'daemon/libvirt/'): 'part of the adapter, private to the room',
}

# No file and no folder is called one of these, alone or as one of the words of its name.
VAGUE_NAMES = ('util', 'utils', 'common', 'helper', 'helpers', 'misc', 'manager', 'managers')
NAME_EXCEPTIONS = {
    'tests/unit/gate/fake_manager.h': 'stands for systemd\'s org.freedesktop.systemd1.Manager, which is called so',
}

MAX_LINES = {'.cc': 300, '.h': 150}
# Larger ones, up to these; each with its reason.
MAX_LINES_OF_EXCEPTIONS = {'.cc': 400, '.h': 200}
SIZE_EXCEPTIONS = {
    'tests/contract/hypervisor_contract_test.cc': 'one contract, one suite, run on both implementations',
    'tests/fakes/fake_systemd.cc': 'a service manager on a bus: one state machine',
    'tests/unit/front/front_test.cc': 'cases of one subject',
    'tests/unit/gate/fake_launcher.h': 'templates for tests, in the header',
    'tests/unit/gate/fake_manager.h': 'as above',
    'tests/unit/gate/gate_test.cc': 'cases of one subject',
}

MAX_DEPTH = 2  # folders below a top-level folder
# Folders of data, no code: depth and names below them are not ours to choose.
DATA_FOLDERS = {
    'tests/testbed/l0': 'copied as it is into the host\'s root',
    'tests/testbed/primary': 'copied as it is into a primary\'s root',
    'tests/testbed/both': 'copied as it is into both',
    'tests/testbed/tiny': 'copied as it is into the tiny image',
    'tests/unit/hypervisor/golden': 'expected XML beside its test',
}

# Rooms and files that handle JSON: what throws on foreign input is forbidden there.
JSON_PLACES = ('daemon/config/', 'daemon/state/', 'daemon/ctl/', 'guestlib/cli/', 'storage/image_manifest.cc')
