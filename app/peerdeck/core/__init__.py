"""Frozen values and their rules; the words that every other room speaks.

Nothing enters and nothing leaves: no I/O, no clock, no randomness. Times are POSIX seconds
(`*_at`, UTC), durations carry their unit in the name. What a user typed becomes a value here or a
`FieldError` that names the field, the value and the rule.
"""
