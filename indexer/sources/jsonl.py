"""JSON Lines: one object a line."""

from collections.abc import Iterator
from io import BufferedIOBase

import msgspec

from indexer.sources.record import TOO_LONG, SourceRecord, read_lines, shortened
from indexer.ticket import kind_of

__all__ = ["read_jsonl"]


def read_jsonl(stream: BufferedIOBase) -> Iterator[SourceRecord]:
    """Yield a record for each line that is not blank; a line that is no object is an error, the rest goes on."""
    decoder = msgspec.json.Decoder()
    for number, data, too_long in read_lines(stream):
        place = f"line {number}"
        if too_long:
            yield SourceRecord(place=place, error=TOO_LONG, raw=shortened(data))
            continue
        line = data.strip()
        if not line:
            continue
        raw = line.decode(errors="backslashreplace")
        try:
            value = decoder.decode(line)
        except UnicodeDecodeError:
            error = "the line is not UTF-8: convert the file, such as by: iconv -f WINDOWS-1252 -t UTF-8"
        except msgspec.DecodeError as reason:
            error = f"the line is not valid JSON ({reason})"
        except RecursionError:
            error = "the line is nested too deeply"
        else:
            if isinstance(value, dict):
                yield SourceRecord(place=place, value=value, raw=raw)
                continue
            error = f"a ticket is an object with named fields, this is {kind_of(value)}"
        yield SourceRecord(place=place, error=error, raw=raw)
