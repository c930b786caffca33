"""Operations of the capture daemon and their replies, each as one immutable type.

A request is the header of a :mod:`tintype.rpc.codec` value whose ``op`` names the operation. A reply has a ``kind``:
``capture`` or ``problem``, which the codec encodes, or one of the replies below.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from tintype.rpc import codec


class Operation(msgspec.Struct, frozen=True, kw_only=True, tag_field="op"):
    """A request to the capture daemon."""


class CaptureOperation(Operation, frozen=True, tag="capture"):
    """Capture a page; the reply is a capture. ``shot`` holds the fields of a Shot that differ from its defaults."""

    shot: dict[str, Any]
    fresh: bool = False
    """Do not share a capture that has begun before this request."""
    progress_id: str = ""
    """Under which another operation reads the step of the capture or cancels it; empty: neither."""
    low_priority: bool = False
    """No client waits for it: captures for which one does go first."""


class StatusOperation(Operation, frozen=True, tag="status"):
    """Report the state of the daemon; the reply is :class:`DaemonStatus`."""


class MetricsOperation(Operation, frozen=True, tag="metrics"):
    """Report counters and gauges; the reply is :class:`DaemonMetrics`."""


class ProbeOperation(Operation, frozen=True, tag="probe"):
    """Capture a tiny page; the reply is :class:`ProbePassed`."""


class StopIfIdleOperation(Operation, frozen=True, tag="stop-if-idle"):
    """Stop if this is the only client and no capture runs; the reply is :class:`StopReply`."""


class ProgressOperation(Operation, frozen=True, tag="progress"):
    """Report the step of a capture; the reply is :class:`ProgressReply`."""

    progress_id: str


class CancelOperation(Operation, frozen=True, tag="cancel"):
    """Cancel a capture for the client that requested it; the reply is :class:`CancelReply`."""

    progress_id: str


AnyOperation = (
    CaptureOperation
    | StatusOperation
    | MetricsOperation
    | ProbeOperation
    | StopIfIdleOperation
    | ProgressOperation
    | CancelOperation
)


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """A reply of the capture daemon. Every member has a default: a daemon of another version may omit it."""


class ProbePassed(Reply, frozen=True, tag="probe"):
    """The browser draws."""


class StopReply(Reply, frozen=True, tag="stop"):
    """Whether the daemon stops."""

    stopping: bool = False


class ProgressReply(Reply, frozen=True, tag="progress"):
    """The step of a capture."""

    step: str = ""
    """``queue``, ``navigate``, ``stabilize`` or ``screenshot``; empty for an unknown id."""
    ahead: int = 0
    """Captures before this one in the queue."""


class CancelReply(Reply, frozen=True, tag="cancel"):
    """Whether a capture with this id was in progress."""

    cancelled: bool = False


class DaemonStatus(Reply, frozen=True, tag="status"):
    """State of the daemon."""

    pid: int = 0
    slots: int = 0
    busy: int = 0
    """Slots in use."""
    slow: int = 0
    """Captures in progress without a slot: slow ones, and those that an idle core permits."""
    queue_length: int = 0
    clients: int = 0
    captures: int = 0
    """Attempts since the daemon started."""
    restarts: int = 0
    browsers: int = 0
    """Browsers that run."""
    browser: str = ""
    """Version, such as ``HeadlessChrome/156.0.8078.79``."""
    browser_pid: int = 0
    """Process id of the oldest browser."""
    contexts: int | None = None
    """Browser contexts that exist in Chromium; None if it did not reply."""
    pages: int | None = None
    """Pages that exist in Chromium; None if it did not reply."""
    binary: str = ""
    user: str = ""
    """OS user of Chromium."""
    sandbox: bool = False
    """Whether Chromium's own sandbox is active."""
    namespaces: bool = False
    """Whether the namespace sandbox is active."""


class DaemonMetrics(Reply, frozen=True, tag="metrics"):
    """Counters since the start of the daemon, and gauges."""

    slots: int = 0
    busy: int = 0
    slow: int = 0
    low_priority: int = 0
    queue_length: int = 0
    queue_limit: int = 0
    clients: int = 0
    captures: int = 0
    restarts: int = 0
    recycles: int = 0
    kept_contexts: int = 0
    """Browser contexts that are kept for the next capture of a site."""
    kept_tabs: int = 0
    """Kept browser contexts with an empty page."""
    kept_context_captures: int = 0
    """Captures in a browser context that an earlier capture of the site has left."""
    browsers: int = 0
    undisposed_contexts: int = 0
    """Browser contexts that could not be disposed of."""
    browser: str = ""
    bytes: int = 0
    connections: int = 0
    denied: dict[str, int] = {}
    """Connections that the egress proxy denied, by reason."""
    memory: dict[str, int] = {}
    """Bytes by process group: ``daemon``, ``browser``."""
    layers: dict[str, bool] = {}
    """Isolation layers: ``sandbox``, ``namespaces``."""


AnyReply = TypeVar("AnyReply", ProbePassed, StopReply, ProgressReply, CancelReply, DaemonStatus, DaemonMetrics)
_decode_operation = msgspec.json.Decoder(AnyOperation).decode


def pack_operation(operation: Operation) -> bytes:
    """Encode a request."""
    return codec.pack(operation)


def unpack_operation(data: bytes) -> Operation:
    """Decode a request; raises CorruptValue, also for an unknown operation."""
    text, _ = codec.split(data)
    try:
        operation: Operation = _decode_operation(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise codec.CorruptValue(str(error)) from None
    return operation


def pack_reply(reply: Reply) -> bytes:
    """Encode a reply."""
    return codec.pack(reply)


def unpack_reply(kind: type[AnyReply], data: bytes) -> AnyReply:
    """Decode a reply of a kind; raises CorruptValue for another one."""
    text, _ = codec.split(data)
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise codec.CorruptValue(str(error)) from None
