"""The egress proxy between Chromium and the network."""
