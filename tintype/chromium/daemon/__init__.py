"""The capture daemon: RPC server, capture pool, configuration."""
