"""POST requests to receivers that are slow, dead, drip-feeding, lying about their certificates, or redirecting."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

import pytest

from harness.node import free_port
from harness.webhook_receiver import Reply, WebhookReceiver
from tests.support.certificates import Authority
from tintype.network import outbound
from tintype.network.egress import AllowRule, Policy
from tintype.network.outbound_post import MAX_RESPONSE, Poster, PostError, PostResponse

BODY = b'{"type":"job.completed"}'
SHORT, LONG = 0.4, 60.0
TOO_LONG = r"took longer than 0\.4 s"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def policy_for(port: int) -> Policy:
    return Policy((AllowRule.parse(f"127.0.0.1:{port}"),))


def post(receiver: WebhookReceiver, path: str = "/", seconds: float = LONG) -> PostResponse:
    return Poster(policy_for(receiver.port), seconds).post(receiver.url(path), BODY, {"Webhook-Id": "msg_1"})


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Answer each lookup with the next address, and from then on with the last."""
    left = list(addresses)

    class Resolver:
        def submit(self, _: str) -> Resolver:
            return self

        def result(self, _: float) -> tuple[object, ...]:
            return (ip_address(left.pop(0) if len(left) > 1 else left[0]),)

    monkeypatch.setattr(outbound, "Resolver", Resolver)


class TestPost:
    def test_sends_body_and_headers(self, receiver: WebhookReceiver) -> None:
        assert post(receiver, "/hook?a=1") == PostResponse(204)
        (received,) = receiver.received
        assert (received.path, received.body) == ("/hook?a=1", BODY)
        assert received.headers == {
            "host": f"127.0.0.1:{receiver.port}", "content-length": str(len(BODY)), "connection": "close",
            "webhook-id": "msg_1",
        }  # fmt: skip

    @pytest.mark.parametrize("status", [200, 299, 400, 410, 500, 599])
    def test_returns_the_status(self, status: int, receiver: WebhookReceiver) -> None:
        receiver.replies["/"] = [Reply(status, body=b"ignored")]
        assert post(receiver).status == status

    def test_returns_retry_after(self, receiver: WebhookReceiver) -> None:
        receiver.replies["/"] = [Reply(503, {"Retry-After": " 120 "})]
        assert post(receiver) == PostResponse(503, "120")

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_follows_no_redirect(self, status: int, receiver: WebhookReceiver) -> None:
        receiver.replies["/"] = [Reply(status, {"Location": receiver.url("/inner")})]
        assert post(receiver).status == status
        assert [each.path for each in receiver.received] == ["/"]


class TestTime:
    @pytest.mark.parametrize("reply", [Reply(hangs=True), Reply(200, drip="headers")], ids=["hangs", "drips headers"])
    def test_ends_at_the_limit(self, reply: Reply, receiver: WebhookReceiver) -> None:
        receiver.replies["/"] = [reply]
        with pytest.raises(PostError, match=TOO_LONG):
            post(receiver, seconds=SHORT)

    def test_status_counts_although_the_body_never_ends(self, receiver: WebhookReceiver) -> None:
        receiver.replies["/"] = [Reply(200, drip="body")]
        assert post(receiver, seconds=8.0) == PostResponse(200)

    def test_server_that_reads_nothing_ends_at_the_limit(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            port = listening.getsockname()[1]
            with pytest.raises(PostError, match=TOO_LONG):
                Poster(policy_for(port), SHORT).post(f"http://127.0.0.1:{port}/", bytes(32 << 20), {})

    def test_handshake_that_never_ends_ends_at_the_limit(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as listening:
            port, stopped = listening.getsockname()[1], threading.Event()
            threading.Thread(target=drip_record, args=(listening, stopped), daemon=True).start()
            with pytest.raises(PostError, match=TOO_LONG):
                Poster(policy_for(port), SHORT).post(f"https://127.0.0.1:{port}/", BODY, {})
            stopped.set()


def drip_record(listening: socket.socket, stopped: threading.Event) -> None:
    """Send a TLS record of a handshake, byte by byte."""
    with closing(listening.accept()[0]) as connection:
        for piece in (b"\x16\x03\x03\x40\x00", *[b"\x02"] * 100_000):
            if stopped.wait(0.02):
                return
            try:
                connection.sendall(piece)
            except OSError:
                return


class TestSize:
    def test_long_body_is_not_read_to_its_end(self, receiver: WebhookReceiver) -> None:
        receiver.replies["/"] = [Reply(200, body=bytes(50 * MAX_RESPONSE))]
        assert post(receiver) == PostResponse(200)

    def test_rejects_endless_headers(self, receiver: WebhookReceiver) -> None:
        receiver.replies["/"] = [Reply(200, {f"X-{number}": "y" * 60_000 for number in range(8)})]
        with pytest.raises(PostError):
            post(receiver)


class TestFailures:
    def test_reports_a_dead_receiver(self) -> None:
        port = free_port()
        with pytest.raises(PostError, match="connection refused"):
            Poster(policy_for(port), LONG).post(f"http://127.0.0.1:{port}/", BODY, {})

    def test_reports_a_response_that_is_not_http(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as listening:
            port = listening.getsockname()[1]
            threading.Thread(target=answer_nonsense, args=(listening,), daemon=True).start()
            with pytest.raises(PostError):
                Poster(policy_for(port), LONG).post(f"http://127.0.0.1:{port}/", BODY, {})


def answer_nonsense(listening: socket.socket) -> None:
    with closing(listening.accept()[0]) as connection:
        connection.recv(65536)
        connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


class TestEgress:
    def test_denies_an_inner_address(self, receiver: WebhookReceiver) -> None:
        with pytest.raises(PostError):
            Poster(Policy(), LONG).post(receiver.url(), BODY, {})
        assert receiver.received == []

    def test_denies_a_name_that_resolves_to_an_inner_address(
        self, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolve(monkeypatch, "127.0.0.1")
        with pytest.raises(PostError, match="not public") as caught:
            Poster(Policy(), LONG).post(receiver.url(host="hooks.site.org"), BODY, {})
        assert "127.0.0.1" not in str(caught.value)
        assert "TINTYPE" not in str(caught.value)
        assert receiver.received == []

    @pytest.mark.parametrize("denied", ["hooks.site.org", "*.site.org"])
    def test_denied_host_is_not_connected_to(
        self, denied: str, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolve(monkeypatch, "127.0.0.1")
        with pytest.raises(PostError, match="denied by the operator"):
            Poster(policy_for(receiver.port), LONG, (denied,)).post(receiver.url(host="hooks.site.org"), BODY, {})
        assert receiver.received == []

    def test_name_that_changes_to_an_inner_address_is_checked_each_time(
        self, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolve(monkeypatch, "127.0.0.1", "127.0.0.2")
        poster, url = Poster(policy_for(receiver.port), LONG), receiver.url(host="hooks.site.org")
        assert poster.post(url, BODY, {}) == PostResponse(204)
        for _ in range(2):
            with pytest.raises(PostError, match="not public"):
                poster.post(url, BODY, {})
        assert len(receiver.received) == 1


class TestTls:
    def test_accepts_a_certificate_of_a_trusted_authority(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authority = Authority.create(tmp_path / "ca")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        resolve(monkeypatch, "127.0.0.1")
        with WebhookReceiver(authority.issue("hooks.site.org")) as receiver:
            url = receiver.url(host="hooks.site.org")
            assert Poster(policy_for(receiver.port), LONG).post(url, BODY, {}) == PostResponse(204)

    @pytest.mark.parametrize(
        ("trusted", "name", "reason"),
        [(False, "hooks.site.org", "certificate"), (True, "other.site.org", "Hostname mismatch")],
        ids=["unknown authority", "other name"],
    )
    def test_rejects_other_certificates(
        self, trusted: bool, name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authority = Authority.create(tmp_path / "ca")
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        resolve(monkeypatch, "127.0.0.1")
        with WebhookReceiver(authority.issue(name)) as receiver:
            with pytest.raises(PostError, match=f"the certificate is not valid: .*{reason}"):
                Poster(policy_for(receiver.port), LONG).post(receiver.url(host="hooks.site.org"), BODY, {})
            assert receiver.received == []
