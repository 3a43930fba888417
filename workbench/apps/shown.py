"""What the widgets of a page share: the modules of the notebooks, for who may look and change nothing."""

from __future__ import annotations

import param
from panel.custom import AnyWidgetComponent


class Shown(AnyWidgetComponent):
    """A module of `workbench.views.modules` on a page; a subclass gives ``_esm`` and the module's own traits as parameters.

    Aggregates that `workbench.views.modules.packed` made are a ``param.Bytes``.
    """

    selection = param.String(default="all rows", constant=True)
    can_undo = param.Boolean(default=False, constant=True)
    can_redo = param.Boolean(default=False, constant=True)
    reference = param.String(default="", constant=True)
    current = param.String(default="", constant=True)
    message = param.String(default="", constant=True)
    readonly = param.Boolean(default=True, constant=True)
