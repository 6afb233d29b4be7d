#!/usr/bin/env python3
"""Checks which way imports point: no room uses one that stands above it, no two files use each other, directly or in
a ring, and no crate knows more than it may. And that no two types of a crate share a name.

    imports.py               the whole tree; exit code 1 with what is wrong
    imports.py --self-check  whether it finds what it looks for
    imports.py --graph       what each file uses, for a reader
"""

import re
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The rooms of a crate, from top to bottom: each uses only what stands below it. A room is a module by its path, and
# what stands in it belongs to it, unless it is named here itself.
ROOMS = {
    "timedb_ext": ["", "sql", "write", "read", "series", "store", "identity", "pg"],
    "timedb_ext/crates/calendar": [""],
    "timedb_ext/crates/key": [""],
    "timedb_ext/crates/rules": [""],
    "timedb_ext/crates/segment": [""],
    "timedb_ext/crates/units": [""],
    "timedb_ext/crates/wire": [""],
    "timedb_http": [
        "",
        "cli",
        "cli::commands",
        "cli::grammar",
        "cli::logging",
        "cli::session",
        "cli::key",
        "cli::config",
        "cli::terminal",
        "cli::failure",
        "server",
        "server::listen",
        "server::router",
        "server::layers",
        "server::openapi",
        "server::routes",
        "server::guard",
        "server::body",
        "server::answer",
        "formats",
        "server::state",
        "server::db",
        "server::limits",
        "server::usage",
        "server::waiting",
        "server::share",
        "server::sqlstate",
        "server::metrics",
        "server::record",
        "server::refusal",
        "server::head",
        "server::error",
        "server::config",
        "server::peer",
        "server::key",
        "server::duration",
        "server::instant",
        "server::json",
    ],
}

# What each crate of the workspace may use of the others, and what it must not use at all.
SHELLS = {"pgrx", "axum", "tokio", "tokio-postgres", "hyper", "tower", "clap"}
CRATES = {
    "timedb_calendar": (set(), SHELLS),
    "timedb_key": (set(), SHELLS),
    "timedb_rules": ({"timedb_segment", "timedb_wire"}, SHELLS),
    "timedb_segment": (set(), SHELLS),
    "timedb_units": (set(), SHELLS),
    "timedb_wire": (set(), SHELLS),
    "timedb_ext": (
        {"timedb_calendar", "timedb_key", "timedb_rules", "timedb_segment", "timedb_units", "timedb_wire"},
        SHELLS - {"pgrx"},
    ),
    "timedb_http": ({"timedb_key", "timedb_wire"}, {"pgrx"}),
    "timedb_tests": ({"timedb_segment", "timedb_wire"}, {"pgrx"}),
}

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
STRING = re.compile(r'b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"', re.DOTALL)
TESTS = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod\s+\w+\s*(?:;|\{)")
VISIBLE = re.compile(r"\bpub\(in [^)]*\)\s*")
TYPE = re.compile(r"^(?:pub(?:\([^)]*\))?\s+)?(?:struct|enum|trait|type)\s+(\w+)", re.MULTILINE)
USE = re.compile(r"(?<!\w)(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);", re.DOTALL)
PATH = re.compile(r"(?<![\w:])(?:crate|super|self)(?:::\w+)+")


def bare(text):
    """The source without comments, texts and the modules of tests."""
    text = VISIBLE.sub("pub ", STRING.sub('""', COMMENT.sub("", text)))
    while found := TESTS.search(text):
        end = found.end()
        if text[end - 1] == "{":
            depth = 1
            while depth and end < len(text):
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
        text = text[: found.start()] + text[end:]
    return text


def leaves(tree):
    """The paths of a use tree, each with the name that it has here."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace < 0:
        path, _, name = tree.partition(" as ")
        path = path.strip()
        last = path.rsplit("::", 1)[-1]
        if last == "self":
            path = path.removesuffix("::self")
            last = path.rsplit("::", 1)[-1]
        yield path, name.strip() or last
        return
    head, inner, depth, part = tree[:brace], tree[brace + 1 : tree.rindex("}")], 0, ""
    for c in inner + ",":
        depth += {"{": 1, "}": -1}.get(c, 0)
        if c == "," and depth == 0:
            if part.strip():
                yield from leaves(head + part.strip())
            part = ""
        else:
            part += c


class Crate:
    """The modules of a crate by their paths, and what each of them uses."""

    def __init__(self, source):
        self.texts, self.files, self.exports = {}, {}, {}
        for file in sorted(source.rglob("*.rs")):
            path = file.relative_to(source).with_suffix("").parts
            if path[-1] == "tests" or "tests" in path:
                continue
            module = () if path in (("lib",), ("main",)) else path
            self.texts[module] = self.texts.get(module, "") + bare(file.read_text())
            self.files[module] = file
        for module, text in self.texts.items():
            self.exports[module] = {
                name: self.absolute(module, path)
                for public, tree in USE.findall(text)
                if public
                for path, name in leaves(tree)
            }

    def absolute(self, module, path):
        """A path as seen from the root of the crate; None for one of another crate."""
        parts = path.split("::")
        if parts[0] == "crate":
            return tuple(parts[1:])
        at = module
        if parts[0] == "self":
            parts = parts[1:]
        elif parts[0] == "super":
            while parts and parts[0] == "super":
                at, parts = at[:-1], parts[1:]
        elif module + (parts[0],) not in self.texts:
            return None
        return at + tuple(parts)

    def owner(self, path, seen=()):
        """The module that a path leads to, through what doors hand on."""
        at, rest = (), path
        while rest and at + rest[:1] in self.texts:
            at, rest = at + rest[:1], rest[1:]
        target = self.exports[at].get(rest[0]) if rest else None
        if target and target not in seen:
            return self.owner(target + rest[1:], (*seen, target))
        return at

    def uses(self, module):
        """The other modules that one uses. To hand on what another one has is not to use it."""
        used, text = set(), self.texts[module]
        for public, tree in USE.findall(text):
            if not public:
                used.update(self.absolute(module, path) for path, _ in leaves(tree))
        rest = USE.sub("", text)
        used.update(self.absolute(module, path) for path in PATH.findall(rest))
        children = {name[-1] for name in self.texts if name and name[:-1] == module}
        for name in children:
            used.update(
                self.absolute(module, path) for path in re.findall(rf"(?<![\w:.]){name}(?:::\w+)+", rest)
            )
        return {self.owner(path) for path in used if path is not None} - {module}

    def graph(self):
        return {module: self.uses(module) for module in self.texts}


def name_of(module):
    return "::".join(module) or "the crate's root"


def upward(graph, rooms):
    """Imports of a room that stands above."""
    order = {tuple(room.split("::")) if room else (): i for i, room in enumerate(rooms)}

    def rank(module):
        while module not in order and module:
            module = module[:-1]
        return order.get(module, 0)

    for module, used in sorted(graph.items()):
        for other in sorted(used):
            if rank(other) < rank(module):
                yield f"{name_of(module)} uses {name_of(other)}, which stands above it"


def rings(graph):
    """Groups of modules that use each other (Tarjan's strongly connected components)."""
    index, low, stack, on, count, found = {}, {}, [], set(), [0], []

    def visit(node):
        index[node] = low[node] = count[0]
        count[0] += 1
        stack.append(node)
        on.add(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while True:
                one = stack.pop()
                on.discard(one)
                group.append(one)
                if one == node:
                    break
            if len(group) > 1:
                found.append(sorted(group))

    sys.setrecursionlimit(10_000)
    for node in graph:
        if node not in index:
            visit(node)
    return sorted(found)


def shared_names(texts):
    """Types that have the name of another one."""
    places = {}
    for module, text in sorted(texts.items()):
        for name in TYPE.findall(text):
            places.setdefault(name, []).append(name_of(module))
    for name, modules in sorted(places.items()):
        if len(modules) > 1:
            yield f"{name} is the name of a type in each of " + ", ".join(modules)


def of_crate(source, rooms):
    crate = Crate(source)
    graph = crate.graph()
    yield from upward(graph, rooms)
    yield from shared_names(crate.texts)
    for group in rings(graph):
        yield "these use each other in a ring: " + ", ".join(map(name_of, group))


def of_manifests(root):
    workspace = tomllib.loads((root / "Cargo.toml").read_text())["workspace"]
    for member in workspace["members"]:
        manifest = tomllib.loads((root / member / "Cargo.toml").read_text())
        name = manifest["package"]["name"]
        if name not in CRATES:
            yield f"{name}: scripts/imports.py does not say what it may use"
            continue
        may, must_not = CRATES[name]
        for used in manifest.get("dependencies", {}):
            if used.startswith("timedb_") and used not in may:
                yield f"{name} uses {used}, which it may not know"
            if used in must_not:
                yield f"{name} uses {used}, which it may not know"


def self_check():
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        for file, text in {
            "lib.rs": "mod high;\nmod low;\n",
            "high.rs": "mod child;\npub use child::Thing;\nuse crate::low::find;\nfn f() { find() }\n",
            "high/child.rs": "/// As crate::high::f.\nuse super::f;\npub struct Thing;\n",
            "low.rs": "use crate::{high::Thing as T};\nstruct Thing;\n#[cfg(test)]\nmod tests { use crate::high::f; }\npub fn find() {}\n",
        }.items():
            (source / file).parent.mkdir(exist_ok=True)
            (source / file).write_text(text)
        found = list(of_crate(source, ["", "high", "low"]))
        wanted = [
            "low uses high::child, which stands above it",
            "Thing is the name of a type in each of high::child, low",
            "these use each other in a ring: high, high::child, low",
        ]
        if found != wanted:
            sys.exit(f"imports.py does not find what it looks for: {found}")


def main():
    if sys.argv[1:] == ["--self-check"]:
        self_check()
        return
    if sys.argv[1:] == ["--graph"]:
        for crate in [c for c in ROOMS if (ROOT / c / "src").exists()]:
            for module, used in sorted(Crate(ROOT / crate / "src").graph().items()):
                print(f"{crate}: {name_of(module)} -> {', '.join(map(name_of, sorted(used)))}")
        return
    wrong = list(of_manifests(ROOT))
    for crate, rooms in ROOMS.items():
        wrong += [f"{crate}: {line}" for line in of_crate(ROOT / crate / "src", rooms)]
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
