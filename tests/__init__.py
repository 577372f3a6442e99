# How long a test waits for what must happen at all, in seconds: long only where something is
# broken, as ten other programs may run besides. How fast it is, is not asked by a test.
PATIENCE = 120
