"""Finds what breaks the folder law (law.py). Pure: text in, findings out; nothing here walks the disk."""
from __future__ import annotations

import dataclasses
import posixpath
import re

import law


@dataclasses.dataclass(frozen=True)
class Finding:
    path: str
    line: int
    rule: str  # include, name, depth, size, call, json
    text: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: [{self.rule}] {self.text}'


# One token of C++ that may hide or look like another: raw string, string, character, comment.
_TOKEN = re.compile(
    r'R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)"'
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|(?<![0-9A-Fa-f])'(?:[^'\\\n]|\\.)*'"
    r'|//(?:[^\n\\]|\\.)*|/\*.*?\*/', re.DOTALL)


def strip(code: str, keep_strings: bool = False) -> str:
    """`code` without comments, and with strings emptied unless kept. Line numbers stay."""
    def replace(match: re.Match) -> str:
        token = match.group()
        newlines = '\n' * token.count('\n')
        if token.startswith('/'):
            return ' ' + newlines
        return token if keep_strings else '""' + newlines
    return _TOKEN.sub(replace, code)


def room_of(path: str) -> str:
    return posixpath.dirname(path)


def allowed(entries: tuple[str, ...], path: str) -> set[str]:
    """The entries that hold for this file, without their conditions."""
    names = set()
    for entry in entries:
        name, _, place = entry.partition(' in ')
        if not place or path.endswith(place):
            names.add(name)
    return names


def classify(include: str) -> tuple[str, str]:
    """('ours' | 'third' | 'system' | 'unknown', what to look up in the table)."""
    if re.match(r'flatvm/(v1|internal)/\w+(\.grpc)?\.pb\.h$', include):
        return 'ours', law.PROTO
    if re.match(r'flatvm/\w+\.h$', include):
        return 'ours', law.CLIENT
    if include.split('/')[0] in law.PRODUCT + ('tests',):
        return 'ours', include
    for name, pattern in law.THIRD_PARTY.items():
        if re.match(pattern, include):
            return 'third', name
    return ('system' if re.match(law.SYSTEM, include) else 'unknown'), include


def check_include(path: str, include: str) -> str | None:
    """What is wrong with it, or None."""
    room = law.ROOMS.get(room_of(path))
    if room is None:
        return f'the folder {room_of(path)} is not in the law (tests/unit/folder_law/law.py)'
    if room.everything or posixpath.dirname(include) == room_of(path):
        return None
    kind, what = classify(include)
    if kind == 'system':
        return None
    if kind == 'unknown':
        return f'{include}: no library that the law knows'
    if kind == 'third':
        fine = what in allowed(room.third_party, path) or (path, what) in law.INCLUDE_EXCEPTIONS
        return None if fine else f'{room_of(path)} may not include {what} here ({include})'
    names = allowed(room.ours, path) | {name for file, name in law.INCLUDE_EXCEPTIONS if file == path}
    fine = any(what == name or (name.endswith('/') and what.startswith(name)) for name in names)
    return None if fine else f'{room_of(path)} may not include {include} here'


def check_includes(path: str, code: str) -> list[Finding]:
    findings = []
    for number, line in enumerate(strip(code, keep_strings=True).split('\n'), 1):
        match = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
        if match:
            wrong = check_include(path, match.group(1))
            if wrong:
                findings.append(Finding(path, number, 'include', wrong))
    return findings


# (rule, pattern on code without comments and strings, text)
_CALLS = [
    (r'(?<![\w.>])(?:std\s*::\s*|::\s*)?(system|popen)\s*\(', 'no shell: base::RunProgram takes an argument vector'),
    (r'\bw?(?:wordexp)\s*\(', 'no shell: base::RunProgram takes an argument vector'),
]
_JSON = [
    (r'(?:\.|->)at\s*\(', 'at() throws'),
    (r'(?:\.|->)get(?:_ref|_to)?\s*(?:<|\(\s*[^)\s])', 'get throws; use get_ptr'),
    (r'(?:\.|->)get_to\s*\(', 'get_to() throws'),
    (r'(?:\.|->)value\s*\(\s*[^)\s]', 'value(key, default) throws on a wrong type'),
    (r'\[\s*""\s*\](?!\s*=[^=])', '[] with a key is for building only'),
    (r'[Jj]son\s*::\s*parse\s*\((?![^;]*nullptr\s*,\s*false)', 'parse throws unless told: parse(text, nullptr, false)'),
    (r'(?:\.|->)dump\s*\((?![^;]*error_handler_t)', 'dump throws on bad UTF-8 unless given an error_handler_t'),
]


def check_calls(path: str, code: str) -> list[Finding]:
    rules = [('call', pattern, text) for pattern, text in _CALLS]
    if path.startswith(law.JSON_PLACES):
        rules += [('json', pattern, text) for pattern, text in _JSON]
    plain = strip(code)
    return [Finding(path, plain.count('\n', 0, match.start()) + 1, rule, text)
            for rule, pattern, text in rules for match in re.finditer(pattern, plain)]


def is_data(path: str) -> bool:
    return path.startswith(tuple(folder + '/' for folder in law.DATA_FOLDERS))


def check_name(path: str) -> list[Finding]:
    if path in law.NAME_EXCEPTIONS or is_data(path):
        return []
    parts = path.split('/')
    parts[-1] = parts[-1].split('.')[0] or parts[-1]
    vague = [part for part in parts if set(re.split(r'[_-]', part.lower())) & set(law.VAGUE_NAMES)]
    return [Finding(path, 1, 'name', f'"{part}" says nothing: name what it holds') for part in vague]


def check_depth(path: str) -> list[Finding]:
    if is_data(path):
        return []
    depth = path.count('/') - 1
    if depth <= law.MAX_DEPTH:
        return []
    return [Finding(path, 1, 'depth', f'{depth} folders below {path.split("/")[0]}, at most {law.MAX_DEPTH}')]


def check_size(path: str, code: str) -> list[Finding]:
    suffix = posixpath.splitext(path)[1]
    if suffix not in law.MAX_LINES:
        return []
    most = (law.MAX_LINES_OF_EXCEPTIONS if path in law.SIZE_EXCEPTIONS else law.MAX_LINES)[suffix]
    lines = code.count('\n')
    return [] if lines <= most else [Finding(path, lines, 'size', f'{lines} lines, at most {most}: split it')]


def check_file(path: str, code: str) -> list[Finding]:
    """All that is wrong with one source file; `path` is from the project's root."""
    findings = check_name(path) + check_depth(path)
    if not path.endswith(('.cc', '.h')):
        return findings
    findings += check_size(path, code)
    if path.split('/')[0] in law.PRODUCT:
        findings += check_includes(path, code) + check_calls(path, code)
    return findings
