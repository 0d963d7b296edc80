"""Takes webhooks on http://127.0.0.1:9000/ and prints those that the official library verifies.

    WEBHOOK_SECRET=whsec_... python3 webhook_receiver.py

It needs `pip install standardwebhooks`.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

WEBHOOK = Webhook(os.environ["WEBHOOK_SECRET"])


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            WEBHOOK.verify(body, dict(self.headers.items()))
        except WebhookVerificationError as error:
            self.answer(401, f"refused: {error}")
            return
        event = json.loads(body)
        self.answer(204, f"verified: {event['type']} {event['subject']}")

    def answer(self, status, line):
        self.send_response(status)
        self.end_headers()
        print(line, flush=True)

    def log_message(self, *_):
        """The lines above are enough."""


HTTPServer(("127.0.0.1", 9000), Receiver).serve_forever()
