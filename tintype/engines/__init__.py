"""Capture engines: the embedded Chromium behind the capture daemon, a hosted API, a fallback."""
