"""The Panel host: pages for stakeholders, read-only and redacted. They compute nothing and show what runs left behind."""

from __future__ import annotations

from importlib import import_module

APPS = ("status", "drift", "integrity", "fairness", "slices", "lineage")
ADDRESS = "127.0.0.1"
"""The loopback address only: whoever may see a page from elsewhere is for a proxy with a login to say."""


def serve_app(name: str, *, port: int, show: bool = False) -> None:
    """Serve the page `name` on the loopback address until interrupted; each visitor gets the page as it is then.

    Raises
    ------
    StorageError
        If another program listens on that port.
    """
    import panel as pn

    from workbench.errors import StorageError

    page = import_module(f"workbench.apps.{name}").page
    origins = [f"{ADDRESS}:{port}", f"localhost:{port}"]
    try:
        pn.serve(  # type: ignore[no-untyped-call]
            {name: page}, address=ADDRESS, port=port, show=show, websocket_origin=origins, title=name, verbose=False
        )
    except OSError as exc:
        raise StorageError(f"cannot serve ({exc.strerror or exc})", f"{ADDRESS}:{port}", "Choose another --port.") from exc
