#!/bin/sh
# Prepares Vault or OpenBao for Keytrail: KV version 2, the policy in keytrail.hcl and an AppRole.
# Run it as often as you like; each run issues a new secret id. See README.md beside it.
set -eu

mount=${KEYTRAIL_VAULT_MOUNT:-keytrail}
secret_id_file=${KEYTRAIL_VAULT_SECRET_ID_FILE:-keytrail-secret-id}
role_id=${KEYTRAIL_VAULT_ROLE_ID:-}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

fail() {
    echo "setup.sh: $*" >&2
    exit 1
}

case $mount in
'' | *[!A-Za-z0-9_-]*) fail "KEYTRAIL_VAULT_MOUNT may hold letters, digits, - and _ only" ;;
esac

cli=${KEYTRAIL_VAULT_CLI:-$(command -v bao || command -v vault || true)}
[ -n "$cli" ] || fail "neither 'bao' nor 'vault' is on the path; name one in KEYTRAIL_VAULT_CLI"

"$cli" token lookup >/dev/null || fail "log in first: set BAO_ADDR and BAO_TOKEN (or VAULT_ADDR and VAULT_TOKEN)"

# Our own mount is KV version 2 or does not exist yet; anything else there is left alone.
options=$("$cli" read -field=options "sys/mounts/$mount/tune" 2>/dev/null || echo absent)
case $options in
absent) "$cli" secrets enable -path="$mount" -version=2 kv >&2 ;;
*version:2*) ;;
*) fail "something that is not KV version 2 is mounted at '$mount'" ;;
esac

sed "s#\"keytrail/#\"$mount/#" "$here/keytrail.hcl" | "$cli" policy write "$mount" - >&2

"$cli" read sys/auth/approle/tune >/dev/null 2>&1 || "$cli" auth enable approle >&2
"$cli" write "auth/approle/role/$mount" \
    token_policies="$mount" token_no_default_policy=true token_ttl=1h token_max_ttl=24h >&2
# A name, as a user name is one; the secret id is what nobody may know.
[ -z "$role_id" ] || "$cli" write "auth/approle/role/$mount/role-id" role_id="$role_id" >&2

# The secret id is never printed: it goes into a file that only its owner can read.
umask 077
"$cli" write -f -field=secret_id "auth/approle/role/$mount/secret-id" >"$secret_id_file.new"
mv "$secret_id_file.new" "$secret_id_file"

echo "KEYTRAIL_VAULT_MOUNT=$mount"
echo "KEYTRAIL_VAULT_ROLE_ID=$("$cli" read -field=role_id "auth/approle/role/$mount/role-id")"
echo "KEYTRAIL_VAULT_SECRET_ID_FILE=$secret_id_file"
