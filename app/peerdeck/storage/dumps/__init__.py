"""Sessions in the formats of others: what browsers wrote is read, what analysers read is written.

In: `reading.read()` takes a dump of chrome://webrtc-internals (Chromium, plain or gzip) or an
rtcstats dump (one JSON array per line) and gives a SessionLog with a peer per connection. Out:
`internals.write()` writes a log as chrome://webrtc-internals would, `series.write()` columns of it
as CSV.

Files of others are not to be trusted: sizes are bounded, every field is checked while it is
decoded, and what is wrong is named in a UserError. Series that a browser derived
(`[bytesSent_in_bits/s]`) are left out, since Peerdeck derives its own from the counters beside
them; an export has them, since analysers derive none.
"""
