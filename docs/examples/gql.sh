# For the tutorials: `. docs/examples/gql.sh` in bash, in the project's folder, while `keytrail dev` runs.
#
#   gql QUERY [VARIABLES]   asks Keytrail as the person whose token is in TOKEN, and prints the answer
#   id_of PREFIX            the first id of that kind in the last answer, such as cred_01J...
#   text_of NAME            the first text of that name in the last answer

URL=${KEYTRAIL_URL:-http://127.0.0.1:8080}
export KEYTRAIL_DATA_DIR=${KEYTRAIL_DATA_DIR:-./keytrail-dev-data}
PATH="$PWD/target/release:$PATH"
ANSWER=$(mktemp)

gql() {
  printf '%s' "${2:-null}" |
    python3 -c 'import json, sys; print(json.dumps({"query": sys.argv[1], "variables": json.load(sys.stdin)}))' "$1" |
    curl -sS "$URL/graphql" -H "authorization: Bearer ${TOKEN:?a token}" -H 'content-type: application/json' \
      --data-binary @- | tee "$ANSWER"
  echo
}

id_of() {
  grep -o "\"$1_[^\"]*\"" "$ANSWER" | head -n 1 | tr -d '"'
}

text_of() {
  grep -o "\"$1\":\"[^\"]*\"" "$ANSWER" | head -n 1 | cut -d '"' -f 4
}

TOKEN=$(keytrail token --tenant acme --user alice)
