"""Plots of any numeric member of a session's statistics, over one time axis.

A StatsTable comes in, live or of a day; pixels go out. `view.PlotsView` is what a page places.
"""

from peerdeck.gui.widgets.plots.history import PlotsView, round_step

__all__ = ["PlotsView", "round_step"]
