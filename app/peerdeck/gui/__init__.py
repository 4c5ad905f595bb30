"""The window. Snapshots of the services come down, what the user asked for goes up.

    Observable of a service → models/ (exact begin/end signals) → widgets
    click → page → TaskOwner.run("name", service.command(...)) → service

`theme` alone names colours, sizes and gaps, `assets` finds and tints icons, `tasks` owns every
coroutine that a click started, `loop` makes the one event loop. Pages hold selection and draft
input, nothing else. A widget emits what the user asked (`rotate_requested`), never what happened.

Nothing here opens a nested event loop: dialogs are shown with `open()` (a nested `exec()` inside a
coroutine loses a step of the task). Heavy libraries are imported when a page first needs them.
"""
