#!/usr/bin/env bash
# Cuts a release as far as the database is concerned: keeps the version's installation script in
# timedb_ext/releases, and the deltas that lead to it in the form that is shipped. Changes nothing
# when a kept release would be left without a way to the new version.
#
#   scripts/release.sh VERSION            builds the extension and keeps its installation script
#   scripts/release.sh VERSION SCRIPT     keeps this one: what `make package` has made
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/artefacts.sh
. "$ROOT/scripts/lib/artefacts.sh"

(($# == 1 || $# == 2)) || die "usage: scripts/release.sh VERSION [INSTALLATION SCRIPT]"
version=$1
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "$version is not a version of the form 1.2.3"
current=$(current_version)
[[ $version == "$current" ]] || die "Cargo.toml says version $current, not $version: set it there first"
dated='^## \['${version//./\\.}'\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$'
grep -qE "$dated" "$ROOT/CHANGELOG.md" ||
    die "CHANGELOG.md has no section '## [$version] - $(date +%F)': name the release there first, with its date"
kept=$RELEASES/timedb--$version.sql
[[ ! -e $kept ]] || die "$version is released already: ${kept#"$ROOT"/} is never changed again, so raise the version in Cargo.toml"

stranded=()
while read -r release; do
    leads_to "$release" "$version" || stranded+=("$release")
done < <(kept_releases)
if ((${#stranded[@]})); then
    die "no delta leads to $version from ${stranded[*]}: write timedb_ext/sql/timedb--${stranded[-1]}--$version.sql (docs/upgrading.md says how)"
fi
for file in "$DELTAS"/timedb--*--*.sql; do
    [[ -e $file ]] || continue
    if [[ $(to_of "$file") != "$version" ]] && ! delta_is_released "$file"; then
        die "${file#"$ROOT"/} leads to a version that is neither $version nor released"
    fi
done

if (($# == 2)); then
    script=$2
    [[ -s $script ]] || die "$script does not exist, or is empty"
else
    use_postgres
    build_extension
    script=$PACKAGE$("$PG_CONFIG" --sharedir)/extension/timedb--$version.sql
fi
mkdir -p "$RELEASES"
install_file "$script" "$kept"
note "kept ${kept#"$ROOT"/}"
for file in "$DELTAS"/timedb--*--"$version".sql; do
    if [[ ! -e $file ]] || delta_is_released "$file"; then continue; fi
    {
        printf '%s\n' "$DELTA_MARK"
        complete_delta "$file"
    } >"$file.new"
    mv -f "$file.new" "$file"
    note "completed ${file#"$ROOT"/}"
done
say "Run 'make test', commit timedb_ext/releases and timedb_ext/sql, and tag v$version"
note "The next change of sql/ takes a new version in Cargo.toml and a delta timedb_ext/sql/timedb--$version--NEXT.sql"
