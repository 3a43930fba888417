"""The notebook host: widgets that hold an investigation, call the functions below, and show the view. They compute nothing.

`investigation` (the shared selection, windows, pins), `live` (what all widgets share), and one file per concept: `findings`.
"""
