"""The commands that need the service's code: serve, evaluate, audit."""
