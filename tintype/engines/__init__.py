"""What takes the pictures: our Chromium behind a daemon, or a hosted service. Synchronous, one protocol."""
