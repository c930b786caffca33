"""FastAPI: receives webhooks of Tintype, verifies them and keeps each event once.

pip install fastapi standardwebhooks uvicorn
TINTYPE_WEBHOOK_SECRET=whsec_… uvicorn webhook_receiver:app --port 9000
"""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

app = FastAPI()
webhook = Webhook(os.environ["TINTYPE_WEBHOOK_SECRET"])
events: dict[str, dict[str, Any]] = {}  # by webhook-id; in production: a table with a unique column


@app.post("/tintype", status_code=204)
async def receive(request: Request) -> None:
    """Verify the bytes as they arrived. Respond within 10 seconds, and work on the event later."""
    try:
        event = webhook.verify(await request.body(), dict(request.headers))
    except WebhookVerificationError:
        raise HTTPException(401, "the signature is not valid") from None
    events.setdefault(request.headers["webhook-id"], event)  # an event may be sent again


@app.get("/events")
async def listed() -> list[dict[str, Any]]:
    """The events so far."""
    return list(events.values())
