"""cantools without what only its tester needs, in a process of its own: here all has been imported."""

import subprocess
import sys

ALONE = "from telemetry.databases.cantools_alone import import_cantools_alone as alone\nalone()\n"
LOADED = "print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def output(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_simulator_imports_cantools_and_nothing_that_only_logs_need() -> None:
    run = "main(['sim', 'drive', '--duration', '1', '--output', '/dev/null'])"
    loaded = output(f"import sys\nfrom telemetry.__main__ import main\n{run}\n{LOADED}").split()
    assert "cantools" in loaded
    assert not {"can", "numpy", "pandas"} & set(loaded)


def test_the_tester_of_cantools_can_be_imported_afterwards() -> None:
    program = f"{ALONE}import cantools.tester\nprint(cantools.tester.Tester.__name__)"
    assert output(program) == "Tester\n"


def test_an_import_that_was_there_before_stays_as_it_was() -> None:
    program = f"import cantools\nbefore = cantools.tester\n{ALONE}"
    assert output(f"{program}print(cantools.tester is before, hasattr(before, 'Tester'))") == "True True\n"
