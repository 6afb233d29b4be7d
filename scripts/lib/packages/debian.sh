# shellcheck shell=bash
# Debian packages of what build.sh has left in STAGE. The tools are Debian's own (debhelper), with packaging/debian.

# Who packages, as Debian's control files want it.
PACKAGE_MAINTAINER=${PACKAGE_MAINTAINER:-timedb maintainers <maintainers@timedb.invalid>}

# build_debs OUT: leaves the packages, and those of debug symbols, in OUT.
build_debs() {
    local out=$1 folder=$TARGET_DIR/debian version major newest
    version=$(current_version)-${PACKAGE_REVISION:-1}
    newest=$(printf '%s\n' "${MAJORS[@]}" | sort -n | tail -n 1)
    say "Making Debian packages of $version"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp -a "$ROOT/packaging/debian" "$folder/debian"
    ln -s "$STAGE" "$folder/stage"
    (
        cd "$folder"
        sed -e "s/@MAINTAINER@/$PACKAGE_MAINTAINER/" -e "s/@NEWEST@/$newest/" debian/control.in >debian/control
        for major in "${MAJORS[@]}"; do
            sed "s/@MAJOR@/$major/g" debian/control.extension.in >>debian/control
            # The reasons stand in the one for all of them.
            sed "s/@MAJOR@/$major/g" debian/extension.lintian-overrides.in >"debian/postgresql-$major-timedb.lintian-overrides"
        done
        printf 'timedb (%s) unstable; urgency=medium\n\n  * %s\n\n -- %s  %s\n' "$version" \
            "Release $(current_version): what is new stands in changelog.gz." "$PACKAGE_MAINTAINER" \
            "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" >debian/changelog
        dh clean >"$TARGET_DIR/debian.log" 2>&1 && debian/rules binary >>"$TARGET_DIR/debian.log" 2>&1
    ) || {
        tail -n 40 "$TARGET_DIR/debian.log" >&2
        die "the Debian packages cannot be made"
    }
    mv "$TARGET_DIR"/*.deb "$out/"
}
