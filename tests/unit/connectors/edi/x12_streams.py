"""X12 streams that the tests read: sound ones in every layout, and what wears them down."""

from __future__ import annotations

import random

from airflow_provider_integrations.connectors.edi.x12_envelope import Interchange, Outside

BEG = "BEG*00*SA*PO1**20260102~"
GS = "GS*PO*ACMEAPP*HUBAPP*20260102*0304*12*X*004010~"


def isa(
    control: str = "000000007",
    *,
    version: str = "00401",
    standard: str = "U",
    asked: str = "0",
    usage: str = "P",
    sender: str = "ACME",
    component: str = ">",
) -> str:
    return (
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{sender:15}*ZZ*{'HUB':15}*260102*0304*{standard}*{version}*{control}*{asked}"
        f"*{usage}*{component}~"
    )


def order(control: str = "0001", *body: str) -> str:
    inner = body or (BEG, "PO1*1*10*EA*9.25**VP*A1~", "PO1*2*1*EA*1~")
    return f"ST*850*{control}~{''.join(inner)}SE*{len(inner) + 2}*{control}~"


def stream(*sets: str, control: str = "000000007", head: str = GS, **header: str) -> bytes:
    """An interchange of one group of these sets, 850s if none are given."""
    sets = sets or (order("0001"), order("0002", BEG))
    text = f"{isa(control, **header)}{head}{''.join(sets)}GE*{len(sets)}*12~IEA*1*{control}~"
    return text.encode("latin-1")


def wrapped(data: bytes, width: int = 80, line: bytes = b"\r\n") -> bytes:
    return b"".join(data[at : at + width] + line for at in range(0, len(data), width))


SOUND = {
    "plain": stream(),
    "line feeds": stream().replace(b"~", b"~\n"),
    "carriage returns and line feeds": stream().replace(b"~", b"~\r\n"),
    "line feed as terminator": stream().replace(b"~", b"\n"),
    "carriage return as terminator": stream().replace(b"~", b"\r\n"),
    "wrapped": wrapped(stream()),
    "byte order mark and blank lines": b"\xef\xbb\xbf\r\n\r\n" + stream() + b"\r\n\x00\x00\x1a",
    "other delimiters": stream().replace(b"*", b"\x1d").replace(b"~", b"\x1c").replace(b">", b"\x1f"),
    "repetition": stream(version="00501", standard="^", head=GS.replace("004010", "005010")),
    "two with other delimiters": stream() + b"\n" + stream(control="000000008").replace(b"*", b"|").replace(b"~", b"!"),
    "binary": stream(order("0001", BEG, "BIN*8*~SE*\x00\xff\r\n~"), order("0002", BEG, "BDS*ASB*3*~*~~")),
    "Latin-1": stream(order("0001", BEG, "N1*BY*Caf\xe9 \xd8rsted~")),
    "trailing separators": stream(order("0001", "BEG*00*SA*PO1**20260102***~")),
    "no groups": (isa() + "TA1*000000001*260102*0304*A*000~IEA*0*000000007~").encode(),
}


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def worn(data: bytes, rng: random.Random) -> bytes:
    """A stream with up to four small faults."""
    text = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        if not text:
            break
        at = rng.randrange(len(text))
        match rng.randrange(4):
            case 0:
                text[at] = rng.choice(b"*~\n>|ISAGETBNDS09\x00\x1a\xff ")
            case 1:
                del text[at : at + rng.randrange(1, 60)]
            case 2:
                text[at:at] = text[rng.randrange(len(text)) :][: rng.randrange(150)]
            case _:
                text[at:at] = bytes([rng.choice(b"*~\r\nISABIN")])
    return bytes(text)


def shown(found: Interchange | Outside) -> tuple[object, ...]:
    """All of what was found, to be compared."""
    if isinstance(found, Outside):
        return found.finding, found.offset, found.length
    groups = [(one.header, one.count, one.control, list(one.sets), one.findings) for one in found.groups]
    return found.header, groups, found.acknowledgements, found.findings, found.segments, found.offset, found.length
