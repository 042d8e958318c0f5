"""PI's flags and system states as the status codes of OPC UA that mean the same.

The status of a value (OPC 10000-4, 7.39, and OPC 10000-8, 6.3, name the codes):

| PI says | status | why |
| --- | --- | --- |
| Good | 0x00000000 Good | |
| Good, Substituted | 0x00960000 Good_LocalOverride | a person or a program put it in place of what was measured |
| Good, Questionable | 0x40000000 Uncertain | there is doubt, its cause unknown |
| Good, Questionable, Substituted | 0x40910000 Uncertain_SubstituteValue | |
| not Good | 0x80000000 Bad | |
| a system state | as in `SYSTEM_STATES`, else 0x80000000 Bad | it stands where a value should, whatever the flags say |
| null though Good | 0x809B0000 Bad_NoData | |
| an error in place of a value | 0x80000000 Bad | the row is rejected, and says so in `quality_detail` |

System states are told by their number, as the reference lets a site translate their names ("The SYSTEM digital state set",
Data Archive Administration). Sources: PI Web API Reference, "Value Types", "Error Handling"; AF SDK, AFSystemStateCode.
"""

from __future__ import annotations

from typing import Any

__all__ = ["BAD", "NO_DATA", "SYSTEM_STATES", "status_of", "system_status"]

GOOD, LOCAL_OVERRIDE, UNCERTAIN, SUBSTITUTE, BAD, NO_DATA = (
    0, 0x0096_0000, 0x4000_0000, 0x4091_0000, 0x8000_0000, 0x809B_0000
)  # fmt: skip

SYSTEM_STATES = {
    210: 0x801F_0000,  # Access Denied: Bad_UserAccessDenied
    211: NO_DATA,  # No Sample
    212: NO_DATA,  # No Result
    213: 0x808D_0000,  # Unit Down: Bad_OutOfService
    215: 0x808B_0000,  # Equip Fail: Bad_DeviceFailure
    216: NO_DATA,  # No Lab Data
    233: 0x808B_0000,  # DCS Failed: Bad_DeviceFailure
    238: 0x808D_0000,  # Scan Off: Bad_OutOfService
    240: 0x8089_0000,  # Configure: Bad_ConfigurationError
    245: 0x808D_0000,  # Calc Off: Bad_OutOfService
    246: 0x8031_0000,  # I/O Timeout: Bad_NoCommunication, "communication with a remote device has failed"
    248: NO_DATA,  # No Data
    251: 0x803C_0000,  # Under Range: Bad_OutOfRange
    252: 0x803C_0000,  # Over Range: Bad_OutOfRange
    253: 0x8032_0000,  # Pt Created: Bad_WaitingForInitialData
    254: 0x808D_0000,  # Shutdown: Bad_OutOfService
    255: 0x808B_0000,  # Bad Input: Bad_DeviceFailure, "a device is reporting bad status"
    311: 0x808D_0000,  # Intf Shut: Bad_OutOfService
    313: 0x8031_0000,  # Comm Fail: Bad_NoCommunication
    314: 0x808A_0000,  # Not Connect: Bad_NotConnected
}
"""The status of a system state by its number."""

_BY_NAME = {"i/o timeout": 246, "no data": 248, "pt created": 253, "shutdown": 254, "bad input": 255, "intf shut": 311,
            "comm fail": 313, "not connect": 314, "scan off": 238, "under range": 251, "over range": 252}  # fmt: skip


def status_of(*, good: bool, questionable: bool, substituted: bool) -> int:
    """The status of a value with these flags."""
    if not good:
        return BAD
    if questionable:
        return SUBSTITUTE if substituted else UNCERTAIN
    return LOCAL_OVERRIDE if substituted else GOOD


def system_status(value: dict[str, Any]) -> int:
    """The status of a system state, as JSON has it."""
    number = value["Value"]
    if number not in SYSTEM_STATES:
        number = _BY_NAME.get(str(value["Name"]).lower(), number)
    return SYSTEM_STATES.get(number, BAD) if isinstance(number, int) else BAD
