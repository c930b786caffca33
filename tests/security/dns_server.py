"""DNS server with scripted responses, which can differ from query to query (RFC 1035)."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

_A, _AAAA = 1, 28
_HEADER = struct.Struct("!6H")
_ANSWER = struct.Struct("!HHHIH")
_RESPONSE, _NO_SUCH_NAME = 0x8180, 0x8183
_POINTER_TO_QUESTION = 0xC00C


class NameServer:
    """Responds on a socket until its process ends; ``queries`` counts queries by name."""

    def __init__(self, bound: socket.socket, names: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self.queries: Counter[str] = Counter()
        self._socket = bound
        self._names = names
        self._query_counts: dict[tuple[str, int], int] = {}
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            question, sender = self._socket.recvfrom(512)
            self._socket.sendto(self._respond(question), sender)

    def _respond(self, query: bytes) -> bytes:
        name, end = _read_name(query)
        (kind,) = struct.unpack_from("!H", query, end)
        self.queries[name] += 1
        addresses = self._addresses(name, kind)
        question = query[_HEADER.size : end + 4]
        (number,) = struct.unpack_from("!H", query)
        flags = _RESPONSE if addresses is not None else _NO_SUCH_NAME
        records = [_record(kind, ip_address(address).packed) for address in addresses or ()]
        return _HEADER.pack(number, flags, 1, len(records), 0, 0) + question + b"".join(records)

    def _addresses(self, name: str, kind: int) -> list[str] | None:
        responses = self._names.get(name)
        if responses is None:
            return None
        number = self._query_counts[name, kind] = self._query_counts.get((name, kind), -1) + 1
        response = responses[min(number, len(responses) - 1)]
        return [address for address in response if (_AAAA if ":" in address else _A) == kind]


def _read_name(query: bytes) -> tuple[str, int]:
    labels, at = [], _HEADER.size
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    return ".".join(labels), at + 1


def _record(kind: int, address: bytes) -> bytes:
    return _ANSWER.pack(_POINTER_TO_QUESTION, kind, 1, 0, len(address)) + address
