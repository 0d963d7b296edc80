"""Plays a Grafana, a Kubernetes API server and a Petstore, for whoever tries the tutorials and has none at hand.

    python3 docs/examples/stand_ins.py [PORT]

They listen on http://127.0.0.1:PORT/grafana, /kubernetes and /petstore (PORT is 9100 when not given) and answer as the
real ones do to what Keytrail asks: yes to the secrets below, no to all others. POST /revoke/NAME and /grant/NAME make one of
them bad and good again. Nothing is kept. It needs nothing but Python 3.
"""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRETS = {
    "grafana-token": "Bearer glsa_tutorial",
    "grafana-login": "Basic " + base64.b64encode(b"admin:tutorial").decode(),
    "kubernetes-token": "Bearer kube-tutorial",
    "petstore-key": "special-key",
}
REVOKED = set()


class StandIns(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def takes(self, *names, header="authorization"):
        given = self.headers.get(header)
        return any(given == SECRETS[name] and name not in REVOKED for name in names)

    def do_GET(self):
        if self.path == "/grafana/api/access-control/user/permissions":
            yes = self.takes("grafana-token")
            self.answer(200, {"dashboards:read": ["dashboards:*"]}) if yes else self.refuse_as_grafana()
        elif self.path == "/grafana/api/user":
            yes = self.takes("grafana-login")
            self.answer(200, {"id": 1, "login": "admin"}) if yes else self.refuse_as_grafana()
        elif self.path == "/petstore/v2/store/inventory":
            yes = self.takes("petstore-key", header="api_key")
            self.answer(200, {"available": 3}) if yes else self.answer(401, {"message": "unauthorized"})
        else:
            self.answer(404, {"message": "the stand-ins know no such path"})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        _, verb, name = (self.path.split("/", 2) + ["", ""])[:3]
        if verb in ("revoke", "grant") and name in SECRETS:
            REVOKED.add(name) if verb == "revoke" else REVOKED.discard(name)
            self.answer(200, {verb: name})
        elif self.path == "/kubernetes/apis/authentication.k8s.io/v1/selfsubjectreviews":
            self.review()
        else:
            self.answer(404, {"message": "the stand-ins know no such path"})

    def review(self):
        if not self.takes("kubernetes-token"):
            self.answer(401, {"kind": "Status", "status": "Failure", "message": "Unauthorized", "code": 401})
            return
        user = {"username": "system:serviceaccount:ops:keytrail", "groups": ["system:serviceaccounts"]}
        self.answer(201, {"kind": "SelfSubjectReview", "status": {"userInfo": user}})

    def refuse_as_grafana(self):
        self.answer(401, {"message": "Invalid API key", "messageId": "api-key.invalid"})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Nothing: the tutorial's terminal belongs to its reader."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9100
    server = ThreadingHTTPServer(("127.0.0.1", port), StandIns)
    print(f"stand-ins on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
