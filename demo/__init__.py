"""The demo that `make run` starts with: invented partners, customers and people."""
