#!/bin/sh
# Makes an authority and one certificate for each server of docker-compose.yml:
#
#   make.sh FOLDER      writes FOLDER/ca/ca.crt and FOLDER/{keytrail,kurrentdb,vault}/tls.{crt,key}
#
# It does nothing when they are there. The authority's key is not kept: nobody can sign with it afterwards, and
# new certificates come with a new authority. See "New certificates" in infra/README.md.
set -eu

days=730
to=${1:?usage: make.sh FOLDER}
host=${KEYTRAIL_HOST:-localhost}
chown=${KEYTRAIL_TLS_CHOWN:-off}

fail() {
    echo "make.sh: $*" >&2
    exit 1
}

case $host in
'' | *[!A-Za-z0-9.-]*) fail "KEYTRAIL_HOST must be the name of a machine" ;;
esac

# Written last: when it is there, all of them are.
if [ -f "$to/ca/ca.crt" ]; then
    echo "make.sh: the certificates of $to are there; $(openssl x509 -in "$to/ca/ca.crt" -noout -enddate)" >&2
    exit 0
fi

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/ca.conf" <<END
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = Keytrail compose authority
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
END
openssl req -x509 -config "$work/ca.conf" -newkey rsa:2048 -nodes -sha256 -days "$days" \
    -keyout "$work/ca.key" -out "$work/ca.crt" 2>"$work/said" || fail "$(cat "$work/said")"

# SERVER COMMON-NAME OWNER NAMES
certificate() {
    cat >"$work/$1.conf" <<END
[req]
prompt = no
distinguished_name = name
[name]
CN = $2
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, IP:127.0.0.1, $4
END
    {
        openssl req -new -config "$work/$1.conf" -newkey rsa:2048 -nodes -sha256 \
            -keyout "$work/$1.key" -out "$work/$1.csr"
        openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -sha256 \
            -days "$days" -extfile "$work/$1.conf" -extensions extensions -out "$work/$1.crt"
        # The older of two ways to write a key, which each of the three servers reads.
        openssl rsa -traditional -in "$work/$1.key" -out "$work/$1.old"
    } 2>"$work/said" >&2 || fail "$(cat "$work/said")"
    # Each server reads its own key only.
    rm -rf "${to:?}/$1"
    mkdir -p "$to/$1"
    cp "$work/$1.crt" "$to/$1/tls.crt"
    cp "$work/$1.old" "$to/$1/tls.key"
    if [ "$chown" = on ]; then
        chown -R "$3" "$to/$1"
    fi
}

certificate keytrail "$host" 10001:10001 "DNS:keytrail, DNS:$host"
# KurrentDB's nodes know each other by this name.
certificate kurrentdb eventstoredb-node 1000:1000 DNS:kurrentdb
certificate vault vault 100:1000 DNS:vault

# Alone in its folder: KurrentDB takes everything in there for an authority.
mkdir -p "$to/ca"
chmod 755 "$to" "$to/ca"
cp "$work/ca.crt" "$to/ca/ca.crt.new"
chmod 644 "$to/ca/ca.crt.new"
mv "$to/ca/ca.crt.new" "$to/ca/ca.crt"
echo "make.sh: new certificates in $to for $days days" >&2
