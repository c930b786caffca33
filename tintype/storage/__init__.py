"""Storage backends for persisted thumbnails, which are kept until they are deleted."""
