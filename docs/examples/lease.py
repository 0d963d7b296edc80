#!/usr/bin/env python3
"""Leases a credential and uses its secret: python3 lease.py NAME

Needs `pip install hvac`, KEYTRAIL_URL, and KEYTRAIL_TOKEN: a token of somebody to whom the credential was shared
with USE. The same lines work whether the secret comes from HashiCorp Vault, from OpenBao or from Keytrail's own vault.
"""

import json
import os
import sys
import urllib.request

import hvac

UNWRAP = "/v1/sys/wrapping/unwrap"


def ask(query, variables):
    """Asks Keytrail; answers the data, or ends with what it refuses."""
    request = urllib.request.Request(
        os.environ["KEYTRAIL_URL"].rstrip("/") + "/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={
            "authorization": "Bearer " + os.environ["KEYTRAIL_TOKEN"],
            "content-type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=15) as answered:
        answer = json.load(answered)
    if answer.get("errors"):
        sys.exit("error: " + answer["errors"][0]["message"])
    return answer["data"]


def lease(name, purpose):
    """The secret fields of a credential, by name."""
    found = ask("query($name: String!) { credentialByName(name: $name) { id } }", {"name": name})
    if not found["credentialByName"]:
        sys.exit(f"error: there is no credential {name} for this token")
    wish = {"credentialId": found["credentialByName"]["id"], "purpose": purpose}
    leased = ask(
        "mutation($in: LeaseCredentialInput!) { leaseCredential(input: $in) { lease { token unwrapUrl } } }",
        {"in": wish},
    )["leaseCredential"]["lease"]
    vault = hvac.Client(url=leased["unwrapUrl"].removesuffix(UNWRAP), token=leased["token"])
    return vault.sys.unwrap()["data"]["data"]


if __name__ == "__main__":
    for field, secret in lease(sys.argv[1], "an example in Python").items():
        # Use it here. It is never printed.
        print(f"{field}: {len(secret)} characters")
