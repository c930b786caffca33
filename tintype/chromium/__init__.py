"""The embedded Chromium behind a socket: the only asynchronous code besides rpc/."""
