"""Protocol between web workers and the capture daemon: codec and authentication."""
