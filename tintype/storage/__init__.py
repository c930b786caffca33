"""Storage backends for persisted thumbnails, which do not expire: a folder (``disk``) or a bucket (``s3``)."""
