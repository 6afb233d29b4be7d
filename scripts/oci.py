#!/usr/bin/env python3
"""Images of containers (OCI) from folders, without a registry and without a daemon.

    oci.py pack ROOT FILE --name NAME [--config JSON] [--owner PREFIX=UID:GID]...
                        writes the files below ROOT as an image of one layer: a tar file in OCI's layout, which skopeo,
                        podman and docker load take
    oci.py unpack FILE ROOT
                        checks every digest of such a file and writes its files below ROOT, as a container would see them

The image depends on the files alone: names are sorted, times are SOURCE_DATE_EPOCH, and owners are root or as said. The
tools that distributions have (umoci, buildah) write the time of their run and the owners of whoever runs them.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import sys
import tarfile
from datetime import datetime, timezone
from pathlib import Path

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def encoded(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def entry(name, mode, epoch):
    found = tarfile.TarInfo(name)
    found.mode, found.mtime = mode, epoch
    return found


def layer(root, owners, epoch):
    """The files below a folder as a tar file."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).as_posix()):
            name = path.relative_to(root).as_posix()
            status = path.lstat()
            one = entry(name, status.st_mode & 0o7777, epoch)
            for prefix, (uid, gid) in owners.items():
                if name == prefix or name.startswith(prefix + "/"):
                    one.uid, one.gid = uid, gid
            if path.is_symlink():
                one.type, one.linkname, one.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
                archive.addfile(one)
            elif path.is_dir():
                one.type = tarfile.DIRTYPE
                archive.addfile(one)
            elif path.is_file():
                one.size = status.st_size
                with path.open("rb") as file:
                    archive.addfile(one, file)
            else:
                sys.exit(f"ERROR: {path} is neither a file nor a folder nor a link")
    return content.getvalue()


def pack(arguments):
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    owners = {}
    for owner in arguments.owner:
        prefix, ids = owner.split("=")
        owners[prefix] = tuple(map(int, ids.split(":")))
    plain = layer(Path(arguments.root), owners, epoch)
    packed = gzip.compress(plain, 9, mtime=0)
    config = encoded(
        {
            "architecture": ARCHITECTURES[platform.machine()],
            "os": "linux",
            "created": datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "config": json.loads(arguments.config),
            "rootfs": {"type": "layers", "diff_ids": [digest(plain)]},
        }
    )
    blobs = {digest(blob): blob for blob in (packed, config)}
    manifest = encoded(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(config), "size": len(config)},
            "layers": [{"mediaType": LAYER, "digest": digest(packed), "size": len(packed)}],
        }
    )
    blobs[digest(manifest)] = manifest
    index = encoded(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                {
                    "mediaType": MANIFEST,
                    "digest": digest(manifest),
                    "size": len(manifest),
                    "annotations": {
                        # What docker, and what podman and skopeo, call it.
                        "io.containerd.image.name": f"localhost/{arguments.name}",
                        "org.opencontainers.image.ref.name": arguments.name.rpartition(":")[2],
                    },
                }
            ],
        }
    )
    files = {"oci-layout": encoded({"imageLayoutVersion": "1.0.0"}), "index.json": index}
    files |= {"blobs/" + name.replace(":", "/"): blob for name, blob in blobs.items()}
    with tarfile.open(arguments.file, "w", format=tarfile.GNU_FORMAT) as archive:
        for folder in ("blobs", "blobs/sha256"):
            one = entry(folder, 0o755, epoch)
            one.type = tarfile.DIRTYPE
            archive.addfile(one)
        for name, content in sorted(files.items()):
            one = entry(name, 0o644, epoch)
            one.size = len(content)
            archive.addfile(one, io.BytesIO(content))


def unpack(arguments):
    with tarfile.open(arguments.file) as archive:

        def blob(of):
            content = archive.extractfile("blobs/" + of["digest"].replace(":", "/")).read()
            if digest(content) != of["digest"] or len(content) != of["size"]:
                sys.exit(f"ERROR: {of['digest']} is not what it says")
            return content

        if json.load(archive.extractfile("oci-layout")) != {"imageLayoutVersion": "1.0.0"}:
            sys.exit("ERROR: this is no image in OCI's layout")
        (described,) = json.load(archive.extractfile("index.json"))["manifests"]
        manifest = json.loads(blob(described))
        config = json.loads(blob(manifest["config"]))
        for expected, of in zip(config["rootfs"]["diff_ids"], manifest["layers"], strict=True):
            plain = gzip.decompress(blob(of))
            if digest(plain) != expected:
                sys.exit(f"ERROR: the layer {of['digest']} is not what the image says")
            with tarfile.open(fileobj=io.BytesIO(plain)) as files:
                # Owners are set where they can be; set-user-id bits and absolute links are a root file system's own.
                files.extractall(arguments.root, numeric_owner=True, filter="fully_trusted")
    print(json.dumps(config["config"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("pack")
    command.add_argument("root")
    command.add_argument("file")
    command.add_argument("--name", required=True)
    command.add_argument("--config", default="{}")
    command.add_argument("--owner", action="append", default=[])
    command.set_defaults(run=pack)
    command = commands.add_parser("unpack")
    command.add_argument("file")
    command.add_argument("root")
    command.set_defaults(run=unpack)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
