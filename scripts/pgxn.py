#!/usr/bin/env python3
"""The source as PGXN takes it: a zip file with META.json, of which each file is that of the repository.

    pgxn.py ROOT NAME FILE     writes FILE, with everything in a folder NAME (timedb-VERSION)
    pgxn.py ROOT               checks META.json against what PGXN's specification requires

The version is that of Cargo.toml. The file depends on the sources and SOURCE_DATE_EPOCH alone.
"""

import json
import os
import re
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path

SEMANTIC = re.compile(r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-?[A-Za-z][0-9A-Za-z-]*)?$")
# Of its short names of licences, those that can be meant here.
LICENCES = {"apache_1_1", "apache_2_0", "bsd", "gpl_3", "mit", "mozilla_1_1", "postgresql", "open_source", "unrestricted"}
PHASES = {"configure", "build", "runtime", "test", "develop"}


def meta(root):
    with open(root / "Cargo.toml", "rb") as manifest:
        version = tomllib.load(manifest)["workspace"]["package"]["version"]
    return (root / "packaging/pgxn/META.json.in").read_text(encoding="utf-8").replace("@VERSION@", version)


def problems(root, document):
    """What https://pgxn.org/meta/spec.txt (1.0.0) requires and the document lacks."""

    def text(of, key, where=""):
        if not (isinstance(of.get(key), str) and of[key].strip()):
            yield f"{where}{key}: a text is required"

    for key in ("name", "abstract", "version"):
        yield from text(document, key)
    if not re.fullmatch(r"[^\s/\\\x00-\x1f]{2,}", document.get("name", "")):
        yield "name: at least two characters, without spaces, slashes and control characters"
    maintainer = document.get("maintainer")
    maintainers = maintainer if isinstance(maintainer, list) else [maintainer]
    if not maintainers or not all(isinstance(one, str) and one.strip() for one in maintainers):
        yield "maintainer: a text, or a list of texts, is required"
    licence = document.get("license")
    if not set(licence if isinstance(licence, list) else [licence]) <= LICENCES:
        yield f"license: {licence} is not one of {sorted(LICENCES)}"
    if not SEMANTIC.match(document.get("version", "")):
        yield "version: not a semantic version"
    spec = document.get("meta-spec")
    if not isinstance(spec, dict) or not re.match(r"^1\.", spec.get("version", "")):
        yield "meta-spec: version 1 is required"
    provides = document.get("provides")
    if not isinstance(provides, dict) or not provides:
        yield "provides: at least one extension is required"
        provides = {}
    for name, extension in provides.items():
        for key in ("file", "version"):
            yield from text(extension, key, f"provides.{name}.")
        if extension.get("version") != document.get("version"):
            yield f"provides.{name}.version: not that of the distribution"
        for key in ("file", "docfile"):
            if key in extension and not (root / extension[key]).is_file():
                yield f"provides.{name}.{key}: {extension[key]} does not exist"
    if document.get("release_status", "stable") not in ("stable", "testing", "unstable"):
        yield "release_status: stable, testing or unstable"
    if not all(isinstance(tag, str) and 0 < len(tag) <= 255 for tag in document.get("tags", [])):
        yield "tags: texts of up to 255 characters"
    for phase, relations in document.get("prereqs", {}).items():
        if phase not in PHASES or not set(relations) <= {"requires", "recommends", "suggests", "conflicts"}:
            yield f"prereqs.{phase}: unknown"
    unknown = set(document) - {
        "name", "abstract", "description", "version", "maintainer", "license", "provides", "prereqs", "release_status",
        "generated_by", "meta-spec", "tags", "no_index", "resources", "date",
    }
    for key in sorted(unknown):
        if not key.lower().startswith("x_"):
            yield f"{key}: unknown, and does not begin with X_"


def write(root, name, target):
    moment = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z"], stdout=subprocess.PIPE, text=True
    )
    if listed.returncode != 0:
        sys.exit("ERROR: what belongs to the source is known to git: make this archive in a clone of the repository")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:

        def add(path, content, mode):
            entry = zipfile.ZipInfo(f"{name}/{path}", moment)
            entry.external_attr = (0o100000 | mode) << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)

        add("META.json", meta(root), 0o644)
        for path in sorted(set(filter(None, listed.stdout.split("\0")))):
            file = root / path
            if file.is_file():
                add(path, file.read_bytes(), 0o755 if os.access(file, os.X_OK) else 0o644)


def main():
    root = Path(sys.argv[1])
    found = list(problems(root, json.loads(meta(root))))
    if found:
        sys.exit("\n".join(["ERROR: META.json is not what PGXN takes:", *found]))
    if len(sys.argv) == 4:
        write(root, sys.argv[2], sys.argv[3])
    elif len(sys.argv) != 2:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
