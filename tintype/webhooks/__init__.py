"""Webhooks: events of jobs and schedules, sent to the URLs of clients until their receivers have accepted them."""
