"""The command line. Modules by subject; what is heavy is imported by the command that needs it, so that ``--help`` answers at once."""
