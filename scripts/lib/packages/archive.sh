# shellcheck shell=bash
# Archives of what build.sh has left in STAGE: one for each version of PostgreSQL, for systems without Debian's packages,
# and the source for PGXN.

# archive_folder FOLDER FILE: the folder as an archive that depends on nothing but what is in it.
archive_folder() {
    tar --create --directory "${1%/*}" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner \
        --mtime="@$SOURCE_DATE_EPOCH" --mode=u=rwX,go=rX "${1##*/}" | gzip --no-name --best >"$2"
}

# build_tarballs OUT: timedb-VERSION-pgNN-linux-ARCH.tar.gz.
build_tarballs() {
    local out=$1 name folder major strip=${STRIP:-strip}
    for major in "${MAJORS[@]}"; do
        name=timedb-$(current_version)-pg$major-linux-$(uname -m)
        say "Making the archive $name"
        folder=$TARGET_DIR/archive/$name
        rm -rf "$folder"
        mkdir -p "$folder"/{bin,lib}
        cp -R "$STAGE/man" "$STAGE/completions" "$STAGE/pg$major/extension" "$folder/"
        "$strip" -o "$folder/bin/timedb" "$STAGE/bin/timedb"
        "$strip" --strip-unneeded -o "$folder/lib/timedb.so" "$STAGE/pg$major/timedb.so"
        cp "$STAGE/timedb.toml" "$STAGE/CHANGELOG.md" "$ROOT/LICENSE" "$ROOT/docs/install.md" "$folder/"
        cp "$ROOT/packaging/debian/timedb.service" "$ROOT/packaging/install.sh" "$folder/"
        mkdir "$folder/sbom"
        cp "$STAGE"/timedb{,_ext}.{cdx.json,licences} "$folder/sbom/"
        printf '%s\n' "$major" >"$folder/POSTGRESQL_MAJOR"
        printf '%s\n' "$(uname -s)-$(uname -m)" >"$folder/PLATFORM"
        archive_folder "$folder" "$out/$name.tar.gz"
    done
}

# build_pgxn OUT: timedb-VERSION.zip, the source with META.json, as PGXN takes it.
build_pgxn() {
    local out=$1 name
    name=timedb-$(current_version)
    say "Making the archive $name.zip for PGXN"
    "${PYTHON:-python3}" "$ROOT/scripts/pgxn.py" "$ROOT" "$name" "$out/$name.zip"
}
