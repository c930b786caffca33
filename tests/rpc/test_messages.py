"""Operations and replies: encoding, decoding, and rejection of everything else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tintype.errors import Overloaded
from tintype.rpc import codec, messages

OPERATIONS = [
    messages.CaptureOperation(shot={"navigation": {"url": "http://a.example.com/"}}),
    messages.StatusOperation(),
    messages.MetricsOperation(),
    messages.ProbeOperation(),
    messages.StopIfIdleOperation(),
]
REPLIES: list[Any] = [
    messages.ProbePassed(),
    messages.StopReply(stopping=True),
    messages.DaemonStatus(pid=7, slots=2, contexts=0, namespaces=True),
    messages.DaemonMetrics(captures=3, denied={"policy": 1}, layers={"sandbox": True}),
]


class TestOperations:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_survive_encoding(self, operation: messages.Operation) -> None:
        assert messages.unpack_operation(messages.pack_operation(operation)) == operation

    @pytest.mark.parametrize(
        "header",
        [{}, {"op": "figures"}, {"op": 1}, {"op": "capture"}, {"op": "capture", "shot": "x"}, {"kind": "status"}],
    )
    def test_reject_other_headers(self, header: dict[str, Any]) -> None:
        with pytest.raises(codec.CorruptValue):
            messages.unpack_operation(codec.pack(header))

    @given(data=st.binary(max_size=200))
    def test_reject_random_bytes(self, data: bytes) -> None:
        with pytest.raises(codec.CorruptValue):
            messages.unpack_operation(data)


class TestReplies:
    @pytest.mark.parametrize("reply", REPLIES)
    def test_survive_encoding(self, reply: Any) -> None:
        assert messages.unpack_reply(type(reply), messages.pack_reply(reply)) == reply

    @pytest.mark.parametrize("reply", REPLIES)
    def test_reject_the_other_kinds(self, reply: Any) -> None:
        others = [messages.pack_reply(other) for other in REPLIES if type(other) is not type(reply)]
        for other in (*others, codec.pack_problem(Overloaded())):
            with pytest.raises(codec.CorruptValue):
                messages.unpack_reply(type(reply), other)

    def test_ignore_unknown_members_and_default_missing_ones(self) -> None:
        reply = codec.pack({"kind": "status", "pid": 5, "moon_phase": "full"})
        assert messages.unpack_reply(messages.DaemonStatus, reply) == messages.DaemonStatus(pid=5)
