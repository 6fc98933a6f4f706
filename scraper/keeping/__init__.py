"""What the archive keeps and what it lets go of: legal holds, retention by age, and the erasure of what somebody chooses."""
