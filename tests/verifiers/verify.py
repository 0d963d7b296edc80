"""Verifies deliveries with the official library: one JSON object a line on standard input, with
`secret`, `headers` and `body`; one word a line on standard output."""

import json
import sys

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

for line in sys.stdin:
    given = json.loads(line)
    try:
        Webhook(given["secret"]).verify(given["body"].encode(), given["headers"])
        print("verified")
    except WebhookVerificationError as error:
        print(f"refused: {error}")
