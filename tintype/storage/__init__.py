"""What was persisted, kept until deleted. One file per technology."""
