"""One database with whatever real files have wrong with them, and frames of each of its messages."""

import os
import subprocess
import sys
from pathlib import Path

DATABASE = """\
VERSION ""
NS_ :
BO_ 2024 OBD2: 8 V
 SG_ S1_PID_0D_VehicleSpeed m13 : 31|8@0+ (1,0) [0|255] "km/h" V
 SG_ S1_PID_0C_EngineRPM m12 : 31|16@0+ (0.25,0) [0|16383] "rpm" V
 SG_ S1 m1M : 23|8@0+ (1,0) [0|255] "" V
 SG_ Service M : 11|4@0+ (1,0) [0|15] "" V
 SG_ Length : 7|8@0+ (1,0) [0|255] "" V
SG_MUL_VAL_ 2024 S1_PID_0D_VehicleSpeed S1 13-13;
SG_MUL_VAL_ 2024 S1_PID_0C_EngineRPM S1 12-12;
SG_MUL_VAL_ 2024 S1 Service 1-1;
BO_ 300 Zero: 0 V
BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 Vector__XXX
 SG_ Lost : 0|8@1+ (1,0) [0|0] "" Vector__XXX
BO_ 301 Wide: 64 V
 SG_ U64 : 3|64@1+ (1,0) [0|0] "" V
 SG_ S64 : 75|64@1- (-1,0) [0|0] "" V
 SG_ Half : 147|16@1- (1,0) [0|0] "" V
 SG_ Page M : 168|8@1- (1,0) [0|0] "" V
 SG_ 1stNegative m254 : 176|8@1- (0.1,-3) [0|0] "" V
SIG_VALTYPE_ 301 Half : 1;
BO_ 302 this is no message
 SG_ Nothing : 0|8@1+ (1,0) [0|0] "" V
BO_ 303 After: 8 V
 SG_ Last : 0|8@1+ (1,0) [0|0] "" V
VAL_ 999 Absent 1 "x" ;
BO_ 4000000000 TooLarge: 8 V
 SG_ Nothing : 0|8@1+ (1,0) [0|0] "" V
BO_ 418383360 WithoutBit31: 8 V
 SG_ Extended : 0|8@1+ (1,0) [0|0] "" V
"""
WIDE = (
    ((1 << 64) - 1) << 3  # U64
    | (1 << 63) << 75  # S64
    | 0x3E00 << 147  # Half: 1.5
    | 254 << 168  # Page: -2
    | 255 << 176  # 1stNegative: -1
).to_bytes(64, "little")
LOG = f"""\
(1.0) can0 7E8#03410D37AAAAAAAA
(1.1) can0 12C#
(1.2) can0 12D##1{WIDE.hex()}
(1.3) can0 12F#07
(1.4) can0 12D#R8
(1.5) can0 12F#
(1.6) can0 7E8#04410C1AF8
(1.7) can0 18F00600#09
(1.8) can0 C0000000#01
(1.9) can0 40000000#01
"""
ROWS = """\
1000000000,can0,7E8,OBD2,Length,3
1000000000,can0,7E8,OBD2,Service,1
1000000000,can0,7E8,OBD2,S1,13
1000000000,can0,7E8,OBD2,S1_PID_0D_VehicleSpeed,55
1200000000,can0,12D,Wide,U64,18446744073709551615
1200000000,can0,12D,Wide,S64,9223372036854775808
1200000000,can0,12D,Wide,Half,1.5
1200000000,can0,12D,Wide,Page,-2
1200000000,can0,12D,Wide,1stNegative,-3.1
1300000000,can0,12F,After,Last,7
1600000000,can0,7E8,OBD2,Length,4
1600000000,can0,7E8,OBD2,Service,1
1600000000,can0,7E8,OBD2,S1,12
1600000000,can0,7E8,OBD2,S1_PID_0C_EngineRPM,1726
1700000000,can0,18F00600,WithoutBit31,Extended,9
"""


def test_each_oddity_costs_itself_alone_and_is_reported_with_its_line(tmp_path: Path) -> None:
    database, log = tmp_path / "odd.dbc", tmp_path / "odd.log"
    database.write_text(DATABASE)
    log.write_text(LOG)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    options = ("--dbc", str(database), "--isotp", "7E8", "--isotp-length")
    done = subprocess.run(
        [sys.executable, "-m", "telemetry", "decode", str(log), *options],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout.decode().split("\n", 1)[1] == ROWS
    reported = done.stderr.decode()
    for line, words in {
        2: "not followed by BS_ and BU_, which is mended",
        20: "an unusual name, kept as it is: SG_ 1stNegative",
        22: "not a message, left out with its signals: BO_ 302 this is no message",
        26: 'VAL_ of no message or signal, left out: VAL_ 999 Absent 1 "x" ;',
        27: "an id of more than 29 bits, left out with its signals: BO_ 4000000000 TooLarge",
        29: "an extended id without bit 31, taken as extended: BO_ 418383360 WithoutBit31",
    }.items():
        assert f"warning: {database}:{line}: {words}" in reported
    byte = LOG.index("(1.8)")
    assert f"warning: {log}:9 (byte {byte}): no frame, skipped, and 1 more" in reported
    assert "warning: frames left out (remote frame): 1" in reported
    assert "warning: values left out (short frame): 1" in reported
