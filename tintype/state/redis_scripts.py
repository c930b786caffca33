"""Lua scripts of one store in Redis, with the clocks that tests replace; every failure is BackendUnavailable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import redis

from tintype.errors import BackendUnavailable
from tintype.state.redis_client import client_for

Clock = Callable[[], float] | None


class RedisScripts:
    """Runs the scripts ``kind_name``, each behind the shared parts ``shared``, on the keys of one prefix.

    Errors name the storage by ``kind``. Without clocks, the scripts take the time of Redis.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        *,
        kind: str,
        names: Iterable[str],
        shared: tuple[str, ...],
        clocks: tuple[Clock, Clock],
    ) -> None:
        self.client = client_for(url)
        self.prefix = prefix
        self._kind, self._clocks = kind, clocks
        self._scripts = {name: self.client.script(*shared, f"{kind}_{name}") for name in names}

    def run(self, script: str, *words: str | float) -> Any:
        """The result of a script."""
        clocks = ("" if clock is None else clock() for clock in self._clocks)
        args = [*clocks, *words]
        return self.call(lambda: self._scripts[script](keys=[self.prefix], args=args))

    def call(self, call: Callable[[], Any]) -> Any:
        """The result of a call of the client."""
        try:
            return call()
        except redis.RedisError as error:
            self.client.report(error)
            raise BackendUnavailable(f"the storage of {self._kind} failed; see the log") from error
