"""What workers share and may lose: remembered pictures, locks, allowances. One file per technology."""
