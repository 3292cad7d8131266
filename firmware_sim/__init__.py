"""Simulated ECUs: a battery that behaves, and the controllers that talk about it on a bus.

For tests, demonstrations and benches without a vehicle. The plant (`plant.py`, `load.py`) knows no bus,
the ECU (`bms.py`) no clock, and the links (`links.py`) no meaning; `simulation.py` joins the first two into
frames in simulated time, `player.py` plays these at a pace into a link.
"""
