"""Jobs: captures of many pages without a waiting client, from a queue that survives a crash."""
