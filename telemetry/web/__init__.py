"""The page that a running service shows to browsers, and what it tells monitoring systems, over HTTP.

`server` has the sockets and the thread, `connection` is one client as a state machine, `request` and
`response` are bytes to values and back; `site` knows what stands at which path.
"""
