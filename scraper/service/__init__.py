"""What runs for years: the schedule, the jobs that it starts in processes of their own, and what the admin service asks of both."""
