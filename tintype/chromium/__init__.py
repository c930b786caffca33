"""The embedded Chromium and its capture daemon; all asynchronous code is here and in tintype/rpc."""
