"""The demonstration: a simulated vehicle through the real gateway into a real database, and read back.

`stage.py` runs it, `children.py` keeps its processes, `gateway_config.py` says what the gateway is to do,
`readback.py` and `spool_readback.py` find out what arrived, `verdict.py` compares that with what was sent,
and `report.py` prints it.
"""
