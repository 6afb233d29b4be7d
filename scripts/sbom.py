#!/usr/bin/env python3
"""What a program is made of: its libraries as CycloneDX (an SBOM), and their licences with every notice.

    sbom.py PACKAGE [FEATURE...] --json FILE --licences FILE

Both come from one walk over `cargo metadata`, so that no library is in one and missing in the other. It takes what is
linked: the normal dependencies of PACKAGE on this platform, with these features, and what those depend on. What only
builds or tests it is in neither. Nothing in the files depends on where or when they are made, but for SOURCE_DATE_EPOCH.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tomllib
import uuid
from datetime import datetime, timezone
from pathlib import Path

NOTICES = ("license", "licence", "copying", "notice", "copyright", "unlicense")
# zstd is under one of two licences; deny.toml allows that of LICENSE.
NOT_TAKEN = {"zstd-sys": {"COPYING"}}


def metadata(package, features):
    host = next(
        line.split(": ")[1] for line in run(["rustc", "-vV"]).splitlines() if line.startswith("host: ")
    )
    command = ["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={host}"]
    if features:
        command += ["--no-default-features", "--features", ",".join(f"{package}/{feature}" for feature in features)]
    return json.loads(run(command))


def run(command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(data, name):
    """The package and what is linked into it: id -> ids of its dependencies."""
    root = next(package["id"] for package in data["packages"] if package["name"] == name)
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    packages = {package["id"]: package for package in data["packages"]}
    found, ahead = {}, [root]
    while ahead:
        current = ahead.pop()
        if current in found:
            continue
        found[current] = sorted(
            dependency["pkg"]
            for dependency in nodes[current]["deps"]
            if any(kind["kind"] is None for kind in dependency["dep_kinds"])
            # A macro is a program of the compiler.
            and not any("proc-macro" in target["kind"] for target in packages[dependency["pkg"]]["targets"])
        )
        ahead += found[current]
    found[root] = [*found[root], "std"]
    found["std"] = []
    packages["std"] = standard_library()
    return packages[root], [packages[package] for package in found], found


def standard_library():
    """Rust's own library is in every program, and in no list of cargo's."""
    version = next(line.split(": ")[1] for line in run(["rustc", "-vV"]).splitlines() if line.startswith("release: "))
    return {
        "id": "std",
        "name": "std",
        "version": version,
        "source": "rust",
        "manifest_path": "/nonexistent/std/Cargo.toml",
        "license": "MIT OR Apache-2.0",
        "description": "Rust's standard library",
        "repository": "https://github.com/rust-lang/rust",
    }


def purl(package):
    kind = "generic/rust-std" if package["id"] == "std" else f"cargo/{package['name']}"
    return f"pkg:{kind}@{package['version']}"


def checksums():
    with open("Cargo.lock", "rb") as lock:
        return {(p["name"], p["version"]): p.get("checksum") for p in tomllib.load(lock)["package"]}


def component(package, sums, kind):
    of = {
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "scope": "required",
        "purl": purl(package),
    }
    if package["description"]:
        of["description"] = " ".join(package["description"].split())
    if package["license"]:
        # An older spelling has a slash.
        of["licenses"] = [{"expression": " OR ".join(part.strip() for part in package["license"].split("/"))}]
    if sums.get((package["name"], package["version"])):
        of["hashes"] = [{"alg": "SHA-256", "content": sums[package["name"], package["version"]]}]
    if package["repository"]:
        of["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return of


def bom(root, packages, dependencies, sums, when):
    refs = {package["id"]: purl(package) for package in packages}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": when.isoformat().replace("+00:00", "Z"),
            "component": component(root, sums, "application"),
        },
        "components": [
            component(package, sums, "library")
            for package in sorted(packages, key=purl)
            if package["id"] != root["id"]
        ],
        "dependencies": sorted(
            (
                {"ref": refs[package], "dependsOn": sorted(refs[needed] for needed in needs)}
                for package, needs in dependencies.items()
            ),
            key=lambda entry: entry["ref"],
        ),
    }
    # A number of its own for each content, and the same one for the same content.
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
    number = {"serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"}
    return {**dict(list(document.items())[:3]), **number, **dict(list(document.items())[3:])}


def notices(package):
    """The texts that a package brings about its licence, by their path in it."""
    folder = Path(package["manifest_path"]).parent
    found = {}
    for path in sorted([*folder.glob("*"), *folder.glob("*/*"), *folder.glob("*/*/*")]):
        name = path.relative_to(folder).as_posix()
        if path.name.lower().startswith(NOTICES) and path.suffix.lower() in ("", ".txt", ".md") or name.startswith("LICENSES/"):
            if path.is_file() and path.name not in NOT_TAKEN.get(package["name"], ()):
                found[name] = path.read_text(encoding="utf-8", errors="replace").strip()
    return found


def licences(root, packages):
    others = [p for p in sorted(packages, key=purl) if p["source"] is not None]
    lines = [f"The libraries in {root['name']} {root['version']}, each with the licence that its authors name.", ""]
    texts = {}
    for package in others:
        if not package["license"] and not notices(package):
            sys.exit(f"{purl(package)} says nothing about its licence")
        lines.append(f"{package['name']} {package['version']}: {package['license'] or 'see its text below'}")
        for name, text in notices(package).items():
            texts.setdefault(text, []).append(f"{package['name']} {package['version']} ({name})")
    for text, where in sorted(texts.items(), key=lambda entry: entry[1]):
        lines += ["", "=" * 78, *where, "-" * 78, "", text]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package")
    parser.add_argument("features", nargs="*")
    parser.add_argument("--json", required=True)
    parser.add_argument("--licences", required=True)
    arguments = parser.parse_args()
    when = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc)
    root, packages, dependencies = linked(metadata(arguments.package, arguments.features), arguments.package)
    document = bom(root, packages, dependencies, checksums(), when)
    Path(arguments.json).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    Path(arguments.licences).write_text(licences(root, packages), encoding="utf-8")


if __name__ == "__main__":
    main()
