"""Trace one cache miss of ``GET /thumb``: files of tintype/ that run, in both processes, and returns to service/.

Usage: ``python -m scripts.trace_request [--list]``. It starts a site, the web application in this process and a capture
daemon, warms both up with another page, and then counts calls of Python functions during one miss.

A module of ``service/`` is *left* when a call goes to a module outside of ``service/`` and *returned to* when a later
call enters it again after another module of ``service/`` ran; helpers that a module calls (the cache, the policy, the
limits) are part of it as long as it is still on the stack.
"""
