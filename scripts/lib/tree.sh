# shellcheck shell=bash disable=SC2034
# A private copy of the installed PostgreSQL in the state folder, so that neither the extension's
# files nor a running server of ours touch the system's. Sourced after common.sh.
#
# PostgreSQL finds its share and lib folders relative to the real path of its binary: three real
# copies and, for the rest, links are a whole installation.

# Fills `$2` with links to the entries of `$1`, leaving out our own files, and drops stale links.
link_folder() {
    local from=$1 to=$2 file name
    mkdir -p "$to"
    for file in "$to"/*; do
        if [[ -L $file && ! -e $file ]]; then rm -f "$file"; fi
    done
    for file in "$from"/*; do
        name=${file##*/}
        case $name in
        timedb.control | timedb--*.sql | timedb.so) continue ;;
        esac
        [[ -e $to/$name || -L $to/$name ]] || ln -s "$file" "$to/$name"
    done
}

# Sets TREE_BIN, TREE_EXTENSION and TREE_LIB and brings the links and copies up to date.
use_tree() {
    local share lib name
    share=$("$PG_CONFIG" --sharedir)
    lib=$("$PG_CONFIG" --pkglibdir)
    TREE=$STATE/pg$PG_MAJOR
    TREE_BIN=$TREE$PG_BIN
    TREE_EXTENSION=$TREE$share/extension
    TREE_LIB=$TREE$lib
    mkdir -p "$TREE_BIN" "$TREE_EXTENSION" "$TREE_LIB"
    for name in postgres initdb pg_ctl; do
        [[ -x $PG_BIN/$name ]] || die "$PG_BIN/$name is missing: install PostgreSQL $PG_MAJOR's server, or set PG_CONFIG"
        cmp -s "$PG_BIN/$name" "$TREE_BIN/$name" || install_file "$PG_BIN/$name" "$TREE_BIN/$name" 755
    done
    link_folder "$PG_BIN" "$TREE_BIN"
    link_folder "$share" "$TREE$share"
    link_folder "$share/extension" "$TREE_EXTENSION"
    link_folder "$lib" "$TREE_LIB"
}

# Puts the built extension (a package tree as `cargo pgrx package` leaves it) into the private copy.
install_into_tree() {
    local package=$1 file
    rm -f "$TREE_EXTENSION"/timedb--*.sql
    for file in "$package$("$PG_CONFIG" --sharedir)"/extension/timedb*; do
        install_file "$file" "$TREE_EXTENSION/${file##*/}"
    done
    install_file "$package$("$PG_CONFIG" --pkglibdir)/timedb.so" "$TREE_LIB/timedb.so" 755
}
