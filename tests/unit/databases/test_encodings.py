import pytest

from telemetry.databases.formats.encodings import text_of


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_utf_8_is_read_with_and_without_its_mark(bom: bytes) -> None:
    assert text_of(bom + "°C 电压 Größe".encode()) == "°C 电压 Größe"


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf_16_is_read_by_its_mark(mark: bytes) -> None:
    encoding = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    assert text_of(mark + "°C 电压".encode(encoding)) == "°C 电压"


@pytest.mark.parametrize(
    "text",
    ['SG_ 电池包总电压 : 0|8@1+ "V"', 'CM_ "充电电流(负为放电), 单位 ℃";', '"镕电压,温度,电流,绝缘"'],
)
def test_chinese_text_is_read_as_such(text: str) -> None:
    assert text_of(text.encode("gb18030")) == text


@pytest.mark.parametrize(
    "text", ['"°C"', '"°" ', "Größe für Außentemperatur", "µA/m²K", "Température élevée", "±5 °C, 20 µV"]
)
def test_western_text_is_read_as_such(text: str) -> None:
    assert text_of(text.encode("cp1252")) == text


def test_bytes_that_are_nothing_are_read_all_the_same() -> None:
    assert text_of(b"BO_ \x81\xff\x8d") == "BO_ \ufffdÿ\ufffd"
