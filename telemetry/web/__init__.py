"""The page that a running service shows to browsers, and what it reports to monitoring systems, over HTTP.

`server` has the sockets and the thread. `connection` is one client as a state machine. `http` turns
bytes into values and back. `site` knows the answer at each path.
"""
