"""The demonstration: a simulated vehicle through the real gateway into a real database, and read back.

`stage.py` runs it, `rig.py` starts simulator and gateway, `children.py` keeps their processes, and
`gateway_config.py` says what the gateway is to do. `display.py` shows it meanwhile. `stored.py` finds out
what arrived, `measured.py` says what it shows and, by `sampling.py`, how exactly; `verdict.py` compares that
with what was sent and reports it, `picture.py` draws it.
"""
