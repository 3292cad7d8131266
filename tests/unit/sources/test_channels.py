from telemetry.sources.assemble import ChannelTable

MAX_CHANNELS = 4096


def test_channels_are_numbered_in_the_order_in_which_they_appear() -> None:
    table = ChannelTable()
    assert [table.number("log", "can0"), table.number("log", "can1"), table.number("bus", "can0")] == [
        0,
        1,
        2,
    ]
    assert table.number("log", "can1") == 1
    assert [(channel.source, channel.name) for channel in table.since(1)] == [
        ("log", "can1"),
        ("bus", "can0"),
    ]


def test_a_log_that_names_channels_without_end_costs_bounded_memory() -> None:
    table = ChannelTable()
    numbers = {table.number("log", f"can{index}") for index in range(MAX_CHANNELS + 100)}
    assert numbers == set(range(MAX_CHANNELS))
