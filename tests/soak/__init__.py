"""A month of `serve` in minutes: its clock, its service, what happens, and what is measured."""
