#!/bin/sh
# The step `vault-init` of docker-compose.yml: makes the vault when it is new, opens it when it is sealed, and sets
# Keytrail up in it with setup.sh when that was not done. Each part is done once; run it as often as you like.
#
# The unseal key stays in KEYTRAIL_VAULT_KEYS_DIR/init.txt. The first root token stands there too, until the
# set-up is done; then it is revoked.
set -eu

keys=${KEYTRAIL_VAULT_KEYS_DIR:?}/init.txt
login=${KEYTRAIL_VAULT_LOGIN_DIR:?}/secret-id
owner=${KEYTRAIL_VAULT_LOGIN_OWNER:-}
cli=${KEYTRAIL_VAULT_CLI:-vault}
patience=${KEYTRAIL_VAULT_PATIENCE_SECONDS:-60}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
umask 077

say() {
    echo "init.sh: $*" >&2
}

fail() {
    say "$*"
    exit 1
}

# One value of the vault's state; nothing when it does not answer.
state() {
    "$cli" status -format=json 2>/dev/null | sed -n "s/.*\"$1\": *\([a-z]*\).*/\1/p"
}

kept() {
    if [ -f "$keys" ]; then sed -n "s/^$1: //p" "$keys"; fi
}

# Waits until a command succeeds: SENTENCE COMMAND...
wait_until() {
    sentence=$1
    shift
    left=$patience
    until "$@" >/dev/null 2>&1; do
        [ "$left" -gt 0 ] || fail "gave up after $patience s: $sentence"
        left=$((left - 1))
        sleep 1
    done
}

answers() {
    [ -n "$(state initialized)" ]
}

is_open() {
    [ "$(state sealed)" = false ]
}

may_act() {
    VAULT_TOKEN=$1 BAO_TOKEN=$1 "$cli" token lookup
}

wait_until "the vault does not answer at ${VAULT_ADDR:-its address}" answers

if [ "$(state initialized)" = false ]; then
    [ ! -e "$keys" ] || fail "the vault is empty, and $keys holds the key of another one: move it away first"
    say "a new vault"
    "$cli" operator init -key-shares=1 -key-threshold=1 >"$keys"
fi

if ! is_open; then
    key=$(kept 'Unseal Key 1')
    [ -n "$key" ] || fail "the vault is sealed and its key is not in $keys: unseal it by hand"
    # Not as an argument, which anyone could read who lists processes.
    printf '%s' "$key" | "$cli" write sys/unseal key=- >/dev/null
    wait_until "the vault stays sealed" is_open
    say "the vault is open"
fi

root=$(kept 'Initial Root Token')
token=${VAULT_TOKEN:-$root}

if [ -n "${VAULT_TOKEN:-}" ] || [ ! -s "$login" ]; then
    [ -n "$token" ] || fail "Keytrail has no login yet, and the first root token is gone: give VAULT_TOKEN"
    wait_until "the vault refuses the token" may_act "$token"
    VAULT_TOKEN=$token BAO_TOKEN=$token KEYTRAIL_VAULT_CLI=$cli KEYTRAIL_VAULT_ROLE_ID=keytrail \
        KEYTRAIL_VAULT_SECRET_ID_FILE="$login.made" sh "$here/setup.sh" >&2
    if [ -n "$owner" ]; then
        chown "$owner" "$login.made"
    fi
    mv "$login.made" "$login"
fi

if [ -n "$root" ]; then
    if may_act "$root" >/dev/null 2>&1; then
        VAULT_TOKEN=$root BAO_TOKEN=$root "$cli" token revoke -self >&2
    fi
    sed '/^Initial Root Token: /d' "$keys" >"$keys.new"
    mv "$keys.new" "$keys"
fi
say "the vault is open and Keytrail can log in"
