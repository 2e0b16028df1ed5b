"""Judges messages with the official library: cases come in as JSON, verdicts go out as JSON."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def accepts(case):
    try:
        Webhook(case["key"]).verify(case["body"], case["headers"])
    except WebhookVerificationError:
        return False
    return True


json.dump([accepts(case) for case in json.load(sys.stdin)], sys.stdout)
