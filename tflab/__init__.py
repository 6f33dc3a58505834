"""The command line of tflab."""
