"""What broke: from the rows of a log in order of time to the one change that explains the others.

`rows` holds both windows side by side, `scan` finds where and when a *signal* (a number per row) changed its level, `signals` and
`expected` make the signals, stage by stage: which rows arrive, what is in their columns, how they are scored, decided, and how
they turn out. A change of an early stage shows in every later one, and is therefore the cause of what shows there.
"""
