"""Sessions on disk: recordings (`.prec`), one file per session, written while it lives.

In: what `tail.Tail` copies off a live SessionLog once a second. Out: `reader.read()` gives a
SessionLog again, with `table.RecordedTable` as its statistics. `resources/formats/recording.md`
describes the file for others; `records` is that text as code.

The file only ever grows. A process that is killed loses what it had not written, at most a second;
a power cut what the system had not put on the disk, at most `writer.SYNC_S`. Whatever is cut off or
damaged at the end costs only that end: the reader gives every record before it and says so.

Opening must be quick for a day of rows, so a row is a fixed number of bytes that numpy restores all
at once, and a column is put together when somebody first looks at it.
"""
