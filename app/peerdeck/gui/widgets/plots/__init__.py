"""Plots of any numeric member of a session's statistics, over one time axis.

    StatsTable → rows (arrays, rates) → collect → traces (Plot, Trace) → canvas, painting

`view.PlotsView` is what a page places, `pairing` puts two logs into the same plots. `stretch` knows
which time is looked at, `units` how values and scales read; neither knows Qt. A plot is painted by
QPainter: a scene of items for each costs five times as much, and its teardown needs care. What
imports numpy (rows, standard, collect, pairing) is loaded beside the loop at the first look.
"""
