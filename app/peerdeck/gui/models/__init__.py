"""Adapters: tuples of frozen rows in, exact Qt model signals out.

A service publishes a new tuple; `RowsModel.set_rows` compares by id and announces only what
changed, so that selection, scroll position and open editors survive. Filtering and sorting happen
in the same place on plain lists: a QSortFilterProxyModel calls Python once per row and announces
thousands of ranges, which costs hundreds of milliseconds at 10,000 rows; this costs a few.
"""
