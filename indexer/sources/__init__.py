"""Readers that stream tickets from files: JSON Lines, JSON, CSV, and exports of helpdesks.

`read_source` opens a file, a directory or standard input and yields a `SourceRecord` for each record, broken ones
included; making tickets of them is `indexer.parsing.parse_ticket`'s work. Memory does not grow with the file.

To add a tool's CSV, no reader is needed: enter its columns in ``TOOLS`` of ``tools.py``, a table of its own making in
``LAYOUTS`` of ``tests/exports/layouts.py``, and the tool in the README.

To add a format:

1. Write a module with one public function, ``read_<format>(stream)``, a generator of `SourceRecord`.
2. The stream is UTF-8 bytes, decompressed and without a byte order mark. Build on `read_lines` or `read_elements`; else
   read with ``read1`` (``read`` would lose what stands before damage) and refuse a record of more than
   ``MAX_RECORD_BYTES``, an endless one included.
3. Name each record's place as a person finds it (``line 17``, ``record 17``), and keep it as it stood, or as JSON, in ``raw``.
4. Give values the names of `Ticket`'s fields, with ``subject`` and ``body``; times in ISO 8601.
5. Yield a broken record as ``error``, which never quotes it, and go on with the next one.
6. Yield the `Cursor` with which the next export continues, if there is one, behind the last record.
7. Enter the function in ``_READERS`` of ``reading.py``; in ``_FIXED`` too, when its fields cannot be mapped.
8. Enter its suffix in ``_SUFFIXES`` of ``detect.py``. Where its beginning leaves no doubt, teach ``detect_format`` to see
   it; else it is asked for by name.
9. Describe the vendor's shape, and what you take from it, in the module's docstring.
10. Name it in the README, the help of ``sync`` and ``evaluate`` and the Makefile, and add a case to ``test_memory.py``.
11. Test it with exports written from the vendor's documentation, malformed ones included.
"""

from indexer.sources.dates import ORDERS
from indexer.sources.reading import FORMATS, SourceReader, read_document, read_source
from indexer.sources.record import Cursor, Recognised, SourceRecord

__all__ = [
    "FORMATS",
    "ORDERS",
    "Cursor",
    "Recognised",
    "SourceReader",
    "SourceRecord",
    "read_document",
    "read_source",
]
