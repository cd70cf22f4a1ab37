"""Jobs: long work that goes on after its request. Large batches survive a restart, commands say that they did not."""
