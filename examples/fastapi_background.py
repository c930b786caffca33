"""FastAPI: a background task submits a job to Tintype and keeps the URLs of the thumbnails.

pip install fastapi httpx uvicorn
TINTYPE=http://127.0.0.1:8000 uvicorn fastapi_background:app --port 9000
curl -X POST -H 'Content-Type: application/json' -d '["https://example.com/"]' http://127.0.0.1:9000/previews
"""

from __future__ import annotations

import asyncio
import os
import uuid
from typing import Any

import httpx
from fastapi import BackgroundTasks, FastAPI, HTTPException

TINTYPE = os.environ.get("TINTYPE", "http://127.0.0.1:8000")
BUSY = (429, 503)

app = FastAPI()
previews: dict[str, dict[str, Any]] = {}  # in production: a table of your database


@app.post("/previews", status_code=202)
async def create(urls: list[str], tasks: BackgroundTasks) -> dict[str, str]:
    """Return at once; the task runs after the response was sent."""
    preview_id = uuid.uuid4().hex
    previews[preview_id] = {"status": "queued", "thumbnails": {}}
    tasks.add_task(capture, preview_id, urls)
    return {"id": preview_id}


@app.get("/previews/{preview_id}")
async def report(preview_id: str) -> dict[str, Any]:
    """The state of a preview, with the permanent URL of each page's thumbnail."""
    if preview_id not in previews:
        raise HTTPException(404)
    return previews[preview_id]


async def capture(preview_id: str, urls: list[str]) -> None:
    """Submit a job and wait for its end. The same Idempotency-Key makes a repeated submission harmless."""
    preview = previews[preview_id]
    body = {"pages": urls, "options": {"thumb_width": 320, "format": "webp"}, "partial_ok": True}
    try:
        async with httpx.AsyncClient(base_url=TINTYPE, timeout=60) as client:
            job = await call(client, "POST", "/jobs", json=body, headers={"Idempotency-Key": preview_id})
            while not job["ended_at"]:
                preview["status"] = job["status"]
                job = await call(client, "GET", f"/jobs/{job['id']}", params={"wait": 30})
            pages = await call(client, "GET", f"/jobs/{job['id']}/pages", params={"limit": 1000})
    except httpx.HTTPError as error:
        preview |= {"status": "failed", "reason": str(error)}
        return
    preview["thumbnails"] = {page["url"]: page["stored_url"] or page["error"] for page in pages["pages"]}
    preview["status"] = job["status"]


async def call(client: httpx.AsyncClient, method: str, path: str, **request: Any) -> dict[str, Any]:
    """The JSON response; a service that is busy or restarts is asked again for about five minutes."""
    for pause in (1, 5, 15, 60, 60, 60, 60):
        try:
            response = await client.request(method, path, **request)
        except httpx.TransportError:
            await asyncio.sleep(pause)
            continue
        if response.status_code not in BUSY:
            break
        await asyncio.sleep(int(response.headers.get("Retry-After", pause)))
    else:
        raise httpx.HTTPError(f"{TINTYPE} does not respond")
    if response.is_error:
        raise httpx.HTTPError(response.json()["detail"])
    return dict(response.json())
