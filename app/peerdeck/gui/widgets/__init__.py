"""Building blocks of the pages; none of them knows a service.

Each takes plain values and emits what the user asked for. Looks come from resources/styles by
dynamic property (`kind`, `tone`, `role`, `note`), colours that are painted from `theme()`.
"""
