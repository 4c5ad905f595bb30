"""Pages: one per place in the rail, created when first visited.

A page gets the services, follows their snapshots, and calls their commands through its
`TaskOwner`. It holds selection and draft input only, so closing it loses nothing. Pages know the
window by one signal, `navigate(page, argument)`, and the window knows pages by `Page`.
"""
