# shellcheck shell=bash
# PostgreSQL of releases of Debian other than the system's own, from the mirror that the system uses. Sourced after common.sh.

# The suite of Debian that has a version. Version 16 is in none.
suite_of() {
    case $1 in
    15) printf 'bookworm\n' ;;
    17) printf 'trixie\n' ;;
    18) printf 'forky\n' ;;
    *) return 1 ;;
    esac
}

# suite_apt FOLDER SUITE [security]: an apt of its own, APT_CONFIG=FOLDER/apt.conf, with the mirrors that this system uses
# itself; with `security` also for fixes of security. It checks signatures, but not the age of a suite's index: a mirror's
# testing can be a snapshot.
suite_apt() {
    local folder=$1 suite=$2 security=${3:-} mirror release codename
    mkdir -p "$folder"/{lists/partial,archives/partial}
    : >"$folder/status"
    codename=$(. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-}")
    apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' | sort -u | while read -r mirror release; do
        case $release in
        "$codename") printf 'deb [check-valid-until=no] %s %s main\n' "$mirror" "$suite" ;;
        "$codename-security") if [[ -n $security && $suite != forky ]]; then printf 'deb [check-valid-until=no] %s %s-security main\n' "$mirror" "$suite"; fi ;;
        esac
    done >"$folder/sources.list"
    [[ -s $folder/sources.list ]] || die "apt of this system names no mirror to take Debian's $suite from"
    cat >"$folder/apt.conf" <<END
Dir::Etc::SourceList "$folder/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$folder/lists";
Dir::State::status "$folder/status";
Dir::Cache "$folder";
Dir::Cache::Archives "$folder/archives";
APT::Install-Recommends "false";
Acquire::Languages "none";
Debug::NoLocking "true";
END
    APT_CONFIG=$folder/apt.conf apt-get update -q >"$folder/log" 2>&1 ||
        die "this system's mirror of Debian has no $suite: $(tail -n 1 "$folder/log")"
}

# suite_fetch FOLDER WITHOUT PACKAGE...: fetches packages, and of what they depend on the libraries that programs load, into
# FOLDER/archives. WITHOUT is an expression for names: what only a whole system would need.
suite_fetch() {
    local folder=$1 without=$2 wanted
    shift 2
    mapfile -t wanted < <(APT_CONFIG=$folder/apt.conf apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
        --no-breaks --no-replaces --no-enhances "$@" | awk -v without="^($without)\$" -v first="$*" '
            /^[a-z0-9]/ { package = $1; next }
            $1 ~ /^\|?(Depends|PreDepends):$/ && $2 !~ /^</ { needs[package] = needs[package] " " $2 }
            END {
                last = split(first, queue)
                for (i = 1; i <= last; i++) seen[queue[i]]
                for (i = 1; i <= last; i++) {
                    print queue[i]
                    count = split(needs[queue[i]], names)
                    for (k = 1; k <= count; k++)
                        if (names[k] !~ without && !(names[k] in seen)) { seen[names[k]]; queue[++last] = names[k] }
                }
            }' | LC_ALL=C sort)
    rm -rf "$folder/archives"
    mkdir -p "$folder/archives/partial"
    (cd "$folder/archives" && APT_CONFIG=$folder/apt.conf apt-get download -q "${wanted[@]}" >>"$folder/log" 2>&1) ||
        die "packages of Debian cannot be fetched: $(tail -n 1 "$folder/log")"
}
