#!/usr/bin/env bash
# Makes the certificates and keys of this folder anew, with OpenSSL 3: those that rcgen cannot make because
# they are old or rare. They are good from 2020 to 2099, and nothing but tests believes them.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

ec=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)
extensions="subjectAltName=DNS:git.example"
authority="basicConstraints=critical,CA:TRUE"

# certificate NAME SUBJECT DIGEST EXTENSIONS HOW...: signs a request of NAME.key; no extensions make version 1.
certificate() {
    local name=$1 subject=$2 digest=$3 wanted=$4
    shift 4
    : >"$work/index"
    {
        printf '[ca]\ndefault_ca=it\n[it]\ndatabase=%s/index\nnew_certs_dir=%s\nrand_serial=yes\n' "$work" "$work"
        printf 'policy=any\nunique_subject=no\nemail_in_dn=no\n[any]\ncommonName=supplied\n'
        printf '[req]\ndistinguished_name=any\n[wanted]\n%s\n' "$wanted"
    } >"$work/config"
    openssl req -new -config "$work/config" -key "$work/$name.key" -subj "/CN=$subject" -out "$work/request"
    local extended=()
    [ -z "$wanted" ] || extended=(-extensions wanted)
    openssl ca -batch -notext -config "$work/config" -in "$work/request" -md "$digest" \
        -startdate 20200101000000Z -enddate 20990101000000Z "${extended[@]}" "$@" -out "$work/$name.crt"
}

# An authority of this name whose key is made so.
authority() {
    local name=$1
    shift
    openssl genpkey "$@" -out "$work/$name.key"
    certificate "$name" "$name" sha256 "$authority" -selfsign -keyfile "$work/$name.key"
    cp "$work/$name.crt" .
}

# leaf NAME AUTHORITY DIGEST EXTENSIONS HOW...: a certificate for a key that is made so, or is there already.
leaf() {
    local name=$1 signer=$2 digest=$3 wanted=$4
    shift 4
    [ $# -eq 0 ] || openssl genpkey "$@" -out "$work/$name.key"
    certificate "$name" git.example "$digest" "$wanted" -cert "$work/$signer.crt" -keyfile "$work/$signer.key"
    cp "$work/$name.crt" "$work/$name.key" .
}

rm -f ./*.crt ./*.key
authority usual "${ec[@]}"
authority koblitz -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1
authority short -algorithm RSA -pkeyopt rsa_keygen_bits:1024
authority rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
leaf version1 usual sha256 "" "${ec[@]}"
leaf sha1 rsa sha1 "$extensions" "${ec[@]}"
leaf by-koblitz koblitz sha256 "$extensions" "${ec[@]}"
leaf by-short short sha256 "$extensions" "${ec[@]}"
leaf ed448 usual sha256 "$extensions" -algorithm ED448
leaf rsa1024 usual sha256 "$extensions" -algorithm RSA -pkeyopt rsa_keygen_bits:1024
# A public key that is written with one coordinate, for a private key that is written as usual.
openssl genpkey "${ec[@]}" -out "$work/whole.key"
openssl ec -in "$work/whole.key" -conv_form compressed -out "$work/compressed.key"
leaf compressed usual sha256 "$extensions"
cp "$work/whole.key" compressed.key
leaf closed usual sha256 "$extensions" "${ec[@]}"
openssl dsaparam -out "$work/dsa.params" 2048
leaf dsa usual sha256 "$extensions" -paramfile "$work/dsa.params"
openssl pkey -in dsa.key -traditional -out dsa-traditional.key

# closed NAME HOW...: the key of `closed`, closed in this way.
closed() {
    local name=$1
    shift
    openssl pkcs8 -topk8 -in closed.key -passout pass:only-for-tests "$@" -out "closed-$name.key"
}

closed aes128 -v2 aes-128-cbc -v2prf hmacWithSHA1
closed aes192 -v2 aes-192-cbc -v2prf hmacWithSHA512
closed aes256 -v2 aes-256-cbc
closed des3 -v2 des3
closed scrypt -scrypt
closed slow -v2 aes-256-cbc -iter 600001
openssl ec -in closed.key -aes256 -passout pass:only-for-tests -out closed-traditional.key
