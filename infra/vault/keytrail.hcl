# What Keytrail may do in Vault or OpenBao, and nothing else.
# `setup.sh` puts the name of the mount in place of `keytrail`.

# A secret is written once and read: without `update`, nobody who holds Keytrail's token can write
# another value over it.
path "keytrail/data/+/+/+" {
  capabilities = ["create", "read"]
}

# Hidden when its credential is deleted, brought back when that is restored, ended at the purge.
path "keytrail/delete/+/+/+" {
  capabilities = ["update"]
}
path "keytrail/undelete/+/+/+" {
  capabilities = ["update"]
}
path "keytrail/destroy/+/+/+" {
  capabilities = ["update"]
}

# The sweep finds secrets that no event names: tenants, owners, secrets and their times. Whoever stores a secret looks
# whether its fingerprint is there already: that is the list of one owner.
path "keytrail/metadata/" {
  capabilities = ["list"]
}
path "keytrail/metadata/+/" {
  capabilities = ["list"]
}
path "keytrail/metadata/+/+/" {
  capabilities = ["list"]
}
path "keytrail/metadata/+/+/+" {
  capabilities = ["read"]
}

# Which log this vault belongs to, and how far that log had come.
path "keytrail/data/_keytrail/deployment" {
  capabilities = ["create", "read", "update"]
}

# Leases: a secret is read as a wrapping token, which `read` above allows, and the token is ended when the right to
# it is lost.
path "auth/token/revoke-accessor" {
  capabilities = ["update"]
}

# Its own token: is it still good, and renewing it in time.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
