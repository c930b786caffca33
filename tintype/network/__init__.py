"""Egress policy, DNS resolution of targets, and outgoing HTTP that obeys the policy."""
