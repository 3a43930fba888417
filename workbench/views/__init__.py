"""From a Result to a picture: functions that keep no state and compute nothing new. Small cells are blanked here.

`theme` (colours and type), `render` (tables, and figures as SVG), and one file per concept: `triage`, `findings`,
`timeline`, `disparity`.
"""
