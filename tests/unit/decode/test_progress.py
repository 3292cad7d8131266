"""The place in one file as the place in all."""

from pathlib import Path

from telemetry.decode.output import Course


def test_a_place_in_one_file_is_a_place_in_all(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "empty")]
    for path, size in zip(paths, (100, 50, 0), strict=True):
        path.write_bytes(bytes(size))
    place = Course(paths).at(1, 20, 7)
    assert (place.number, place.files, place.bytes_read, place.total_bytes) == (2, 3, 120, 150)


def test_where_one_size_is_unknown_the_total_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(100))
    place = Course([path, Path("-")]).at(1, 0, 0)
    assert (place.bytes_read, place.total_bytes) == (100, 0)
