"""
The portal against the floor: each act and the cheapest thing that could be in its place.

`make bench` runs it, `make bench SCALE=small` in a minute. Both sides of a row are measured in
the same run, on the same data, in the same servers, round by round.
"""
