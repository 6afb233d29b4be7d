# shellcheck shell=bash
# The demo tenant of `make run` and what is printed about it. Sourced after cluster.sh.

DEMO_EMAIL=demo@example.com
DEMO_KEY=

# Brings an existing store to the version of the library that was just built.
update_extension() {
    local installed available
    installed=$(cluster_sql timedb "SELECT extversion FROM pg_extension WHERE extname = 'timedb'")
    available=$(cluster_sql timedb "SELECT default_version FROM pg_available_extensions WHERE name = 'timedb'")
    if [[ $installed != "$available" ]]; then
        say "Updating the extension from $installed to $available"
        cluster_sql timedb 'ALTER EXTENSION timedb UPDATE'
    fi
}

# Nothing from here on takes the superuser: the server has the right of timedb_user and no other, and whoever tries
# the commands and psql administers, and can log in as a tenant.
create_demo_roles() {
    local role groups
    while read -r role groups; do
        if [[ $(cluster_sql postgres "SELECT count(*) FROM pg_roles WHERE rolname = '$role'") -eq 0 ]]; then
            cluster_sql timedb "CREATE ROLE $role LOGIN IN ROLE $groups"
        fi
    done <<<'demo_api timedb_user
demo_admin timedb_admin, timedb_session'
}

# Sets DEMO_KEY when it creates the user; a key that exists already is known to nobody but its owner.
create_demo_user() {
    local tenant output
    if [[ $(cluster_sql timedb 'SELECT count(*) FROM timedb.list_users()') -gt 0 ]]; then return; fi
    say "Creating a demo tenant and its user $DEMO_EMAIL"
    tenant=$(cluster_sql timedb "SELECT timedb.create_tenant('demo')")
    output=$(TIMEDB_DSN=$(cluster_dsn timedb demo_admin) "$TIMEDB_BIN" users create --tenant-id "$tenant" --email "$DEMO_EMAIL")
    DEMO_KEY=$(sed -nE 's/^ *API Key: *(tdb_[0-9A-Za-z]+).*/\1/p' <<<"$output")
    [[ -n $DEMO_KEY ]] || die "'timedb users create' printed no API key"
}

print_welcome() {
    local url=http://127.0.0.1:$PORT
    printf '\ntimedb serves %s. Ctrl-C stops it.\n' "$url"
    printf '\nIts database, for psql and for the timedb command (%s):\n\n' "$TIMEDB_BIN"
    printf "    export TIMEDB_DSN='%s'\n" "$(cluster_dsn timedb demo_admin)"
    if [[ -z $DEMO_KEY ]]; then
        printf "\nThe store has its users already, and only they know their keys. A new key for one of them:\n\n"
        printf "    '%s' users regenerate-key --email %s --dsn '%s'\n\n" "$TIMEDB_BIN" "$DEMO_EMAIL" "$(cluster_dsn timedb demo_admin)"
        return
    fi
    cat <<TEXT

The API key of $DEMO_EMAIL, shown this once:

    export TIMEDB_KEY=$DEMO_KEY
    export TIMEDB_API_KEY="\$TIMEDB_KEY"    # its name for the timedb command

Three points in and out again with curl:

    curl -s $url/upload -H "X-API-Key: \$TIMEDB_KEY" -H 'Content-Type: application/json' -d '{
      "batch_start_time": "2025-01-01T00:00:00Z",
      "value_rows": [
        {"valid_time": "2025-01-01T00:00:00Z", "value_key": "temperature", "value": 20.0},
        {"valid_time": "2025-01-01T01:00:00Z", "value_key": "temperature", "value": 20.5},
        {"valid_time": "2025-01-01T02:00:00Z", "value_key": "temperature", "value": 21.0}]}'
    curl -s "$url/values?start_valid=2025-01-01T00:00:00Z&end_valid=2025-01-02T00:00:00Z" -H "X-API-Key: \$TIMEDB_KEY"

The same in Python (pip install requests pandas):

    import os, pandas, requests
    api = requests.Session()
    api.headers["X-API-Key"] = os.environ["TIMEDB_KEY"]
    rows = [{"valid_time": f"2025-01-01T0{h}:00:00Z", "value_key": "temperature", "value": 20 + h / 2} for h in range(3)]
    print(api.post("$url/upload", json={"batch_start_time": "2025-01-01T00:00:00Z", "value_rows": rows}).json())
    data = api.get("$url/values", params={"start_valid": "2025-01-01"}).json()["data"]
    print(pandas.DataFrame(data)[["valid_time", "name", "value"]])

TEXT
}
