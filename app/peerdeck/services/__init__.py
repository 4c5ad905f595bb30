"""Services own the console's shared state and offer its commands; they know no Qt.

In: intents (coroutines that a page or the command line awaits) and what engine and cloud report.
Out: immutable snapshots through `Observable`. Failures of a command are raised as `UserError` and,
where they concern what a page shows, also stand in the snapshot, so that nothing is lost when the
caller has gone. Every command is written to the journal with how long it took. Background work
belongs to a `TaskSet` of the service; `aclose()` ends all of it.
"""
