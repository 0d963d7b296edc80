// Verifies deliveries with the official library: one JSON object a line on standard input, with
// `secret`, `headers` and `body`; one word a line on standard output.
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const lines = require("node:fs").readFileSync(0, "utf8").split("\n").filter(Boolean);
for (const line of lines) {
  const given = JSON.parse(line);
  try {
    new Webhook(given.secret).verify(given.body, given.headers);
    console.log("verified");
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.log(`refused: ${error.message}`);
  }
}
