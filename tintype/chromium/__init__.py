"""Our own Chromium, started, guarded and asked for pictures. The only asynchronous code; clients come over a socket."""
