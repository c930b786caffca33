"""Protocol between web workers and the capture daemon: messages, framing, codec, authentication, TLS."""
