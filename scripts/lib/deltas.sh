# shellcheck shell=bash disable=SC2034
# Update scripts. What stands in timedb_ext/sql/timedb--A--B.sql for the version to come is only what
# changes; owners, rights and what a dump contains are the same for every delta, and are put around it
# here, so that no delta can forget them. A released delta stands there as it was shipped. Sourced
# after common.sh.

RELEASES=$ROOT/timedb_ext/releases
DELTAS=$ROOT/timedb_ext/sql
# The first line of a released delta.
DELTA_MARK='-- Released: complete, and never changed again.'

# Prints the version in Cargo.toml.
current_version() {
    local version
    version=$(sed -nE '/^\[workspace\.package\]/,/^\[/s/^version = "([^"]+)"/\1/p' "$ROOT/Cargo.toml")
    [[ -n $version ]] || die "Cargo.toml names no version"
    printf '%s\n' "$version"
}

# from_of FILE, to_of FILE: the versions in the name of a delta.
from_of() {
    local name=${1##*/timedb--}
    printf '%s\n' "${name%%--*}"
}
to_of() {
    local name=${1%.sql}
    printf '%s\n' "${name##*--}"
}

delta_is_released() { [[ $(head -n 1 "$1") == "$DELTA_MARK" ]]; }

# complete_delta FILE: prints what is shipped for it.
complete_delta() {
    if delta_is_released "$1"; then
        cat "$1"
        return
    fi
    # shellcheck disable=SC1003
    printf '\\echo Use "ALTER EXTENSION timedb UPDATE" to load this file. \\quit\n'
    cat "$DELTAS/update_begin.sql" "$1" "$ROOT/sql/finalize.sql" "$DELTAS/update_end.sql"
}

# complete_deltas FOLDER: completes the deltas that cargo has put into a folder.
complete_deltas() {
    local file version
    version=$(current_version)
    for file in "$1"/timedb--*--*.sql; do
        [[ -e $file ]] || continue
        if [[ $(to_of "$file") != "$version" ]] && ! delta_is_released "$file"; then
            die "${file##*/} leads to a version that is neither the current one ($version) nor released"
        fi
        complete_delta "$file" >"$file.new"
        mv -f "$file.new" "$file"
    done
}

# Prints the version of each kept release.
kept_releases() {
    local file
    for file in "$RELEASES"/timedb--*.sql; do
        [[ -e $file ]] || continue
        to_of "$file"
    done
}

# leads_to FROM TO: whether a chain of deltas does.
leads_to() {
    local -A seen=(["$1"]=1)
    local -a reached=("$1")
    local file from to
    while ((${#reached[@]})); do
        from=${reached[0]}
        reached=("${reached[@]:1}")
        [[ $from != "$2" ]] || return 0
        for file in "$DELTAS/timedb--$from"--*.sql; do
            [[ -e $file ]] || continue
            to=$(to_of "$file")
            [[ -n ${seen[$to]:-} ]] || reached+=("$to")
            seen[$to]=1
        done
    done
    return 1
}
