"""Usage of API keys in Redis, shared by all machines: one hash per month."""

from __future__ import annotations

from collections.abc import Mapping

import redis

from tintype.errors import BackendUnavailable
from tintype.state.redis_client import PREFIX, client_for

RETENTION = 750 * 86_400
"""Seconds that a month is kept after its last change, about 24 months."""
_FIELDS = ("requests", "captures", "bytes")
_TAKE = """
local captures = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
if ARGV[2] ~= '' and captures >= tonumber(ARGV[2]) then return 0 end
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


class RedisUsage:
    """Usage by month and key. Names of keys contain no colon, so a field is ``name:counter``."""

    def __init__(self, url: str, prefix: str = PREFIX) -> None:
        self._prefix = prefix
        self._client = client_for(url)
        self._take = self._client.register_script(_TAKE)

    def add(self, month: str, used: Mapping[str, tuple[int, int, int]]) -> None:
        """Add requests, captures and bytes of keys; raises BackendUnavailable."""
        name = self._hash_name(month)
        try:
            for key, amounts in used.items():
                for field, amount in zip(_FIELDS, amounts, strict=True):
                    if amount:
                        self._client.hincrby(name, f"{key}:{field}", amount)
            self._client.expire(name, RETENTION)
        except redis.RedisError as error:
            raise _failure() from error

    def take_capture(self, month: str, key: str, quota: int | None) -> bool:
        """Count one capture unless the quota is used up; returns whether it was counted. Raises BackendUnavailable."""
        limit = "" if quota is None else str(quota)
        try:
            return bool(self._take(keys=[self._hash_name(month)], args=[f"{key}:captures", limit, RETENTION]))
        except redis.RedisError as error:
            raise _failure() from error

    def read(self, month: str) -> Mapping[str, tuple[int, int, int]]:
        """Requests, captures and bytes of all keys in a month; raises BackendUnavailable."""
        try:
            fields = {_text(name): int(value) for name, value in self._client.hgetall(self._hash_name(month)).items()}
        except redis.RedisError as error:
            raise _failure() from error
        found: dict[str, list[int]] = {}
        for name, value in fields.items():
            key, _, field = name.rpartition(":")
            found.setdefault(key, [0, 0, 0])[_FIELDS.index(field)] = max(0, value)
        return {key: (requests, captures, sent) for key, (requests, captures, sent) in found.items()}

    def _hash_name(self, month: str) -> str:
        return f"{self._prefix}:usage:{month}"


def _text(name: bytes | str) -> str:
    return name if isinstance(name, str) else name.decode()


def _failure() -> BackendUnavailable:
    return BackendUnavailable("the storage of usage failed; see the log")
