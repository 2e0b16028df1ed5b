// Judges messages: `v1` with the official library, `v1a`, which it does not know, with the crypto module of node.
// Cases come in as JSON, verdicts go out as JSON.

import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

function acceptsSymmetric({ key, headers, body }) {
  try {
    new Webhook(key).verify(body, headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

function acceptsAsymmetric({ key, headers, body }) {
  const x = Buffer.from(key.slice("whpk_".length), "base64").toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const content = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  return headers["webhook-signature"]
    .split(" ")
    .map((signature) => signature.split(","))
    .some(([scheme, text]) => scheme === "v1a" && verify(null, content, publicKey, Buffer.from(text, "base64")));
}

const cases = JSON.parse(readFileSync(0, "utf8"));
const accepts = (one) => (one.key.startsWith("whpk_") ? acceptsAsymmetric(one) : acceptsSymmetric(one));
process.stdout.write(JSON.stringify(cases.map(accepts)));
