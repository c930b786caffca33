"""Signatures, verified by the reference libraries of Standard Webhooks and by the text of the standard."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
import time
from collections.abc import Mapping

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.support.webhooks import OTHER_SECRET, SECRET, delivery, has_npm_package
from tintype.webhooks.sender import payload_of
from tintype.webhooks.signatures import WebhookSigner

BODY = payload_of(delivery())
SCRIPT = """
const { Webhook } = require("standardwebhooks");
const { secret, body, headers } = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(new Webhook(secret).verify(body, headers).type);
"""
SCRIPT_OF_THE_STANDARD = """
const { createHmac } = require("crypto");
const { secret, body, headers } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
const digest = createHmac("sha256", Buffer.from(secret.slice(6), "base64")).update(signed).digest("base64");
if (!headers["webhook-signature"].split(" ").includes(`v1,${digest}`)) process.exit(1);
console.log(JSON.parse(body).type);
"""


def headers(signer: WebhookSigner, owner: str = "") -> dict[str, str]:
    return signer.headers(owner, "msg_1", BODY, time.time())


def node(script: str, secret: str, sent: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    text = json.dumps({"secret": secret, "body": BODY, "headers": dict(sent)})
    return subprocess.run(["node", "-e", script], input=text, text=True, capture_output=True, timeout=120, check=False)


class TestPython:
    def test_reference_library_verifies_a_delivery(self) -> None:
        verified = Webhook(SECRET).verify(BODY, headers(WebhookSigner([SECRET])))
        assert (verified["type"], verified["data"]["name"]) == ("job.completed", "grün")

    def test_reference_library_rejects_another_body(self) -> None:
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(BODY.replace("job_1", "job_2"), headers(WebhookSigner([SECRET])))

    def test_signature_is_that_of_the_standard(self) -> None:
        sent = headers(WebhookSigner([SECRET]))
        text = f"msg_1.{sent['webhook-timestamp']}.{BODY}".encode()
        digest = hmac.new(b"a" * 32, text, hashlib.sha256).digest()
        assert sent["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
class TestJavaScript:
    @pytest.mark.skipif(
        not has_npm_package("standardwebhooks"), reason="the npm package standardwebhooks is not in NODE_PATH"
    )
    def test_reference_library_verifies_a_delivery(self) -> None:
        done = node(SCRIPT, SECRET, headers(WebhookSigner([OTHER_SECRET, SECRET])))
        assert done.stdout.strip() == "job.completed", done.stderr

    @pytest.mark.parametrize(("secret", "code"), [(SECRET, 0), (OTHER_SECRET, 1)])
    def test_program_by_the_standard_verifies_a_delivery(self, secret: str, code: int) -> None:
        done = node(SCRIPT_OF_THE_STANDARD, secret, headers(WebhookSigner([SECRET])))
        assert done.returncode == code, done.stderr


class TestRotation:
    @pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
    def test_every_secret_verifies(self, secret: str) -> None:
        assert Webhook(secret).verify(BODY, headers(WebhookSigner([SECRET, OTHER_SECRET])))


class TestOwners:
    def test_secret_of_the_key_replaces_that_of_the_service(self) -> None:
        sent = headers(WebhookSigner([SECRET], {"shop": [OTHER_SECRET]}), "shop")
        assert Webhook(OTHER_SECRET).verify(BODY, sent)
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(BODY, sent)

    def test_other_keys_have_that_of_the_service(self) -> None:
        assert Webhook(SECRET).verify(BODY, headers(WebhookSigner([SECRET], {"shop": [OTHER_SECRET]}), "blog"))

    def test_missing_secret_is_an_error(self) -> None:
        signer = WebhookSigner([], {"shop": [SECRET], "blog": []})
        assert [signer.can_sign(owner) for owner in ("shop", "blog", "")] == [True, False, False]
        with pytest.raises(ValueError, match="secret"):
            headers(signer, "blog")
