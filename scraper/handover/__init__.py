"""Hands recordings over as they arrive: deliveries, queued with the recording's own transaction, are taken to their sinks one by one."""
