"""The map of the stored tickets: a projection of their vectors onto a plane, made once a generation in a child process."""
