"""The window drives itself through everything that it can do, by its real widgets.

The presenter's autoplay, the packaging's smoke test and the end-to-end test in one. In: a window
over the demo cloud. Out: one line a step with what was measured, a PNG of each page, and whether
every step really happened; the first that does not ends the tour. `driver.py` has the hands and
eyes (click, type, look, wait), `steps.py` what is done with them.
"""
