"""A figure that a notebook shows, also where pyplot was never imported."""

import io

from matplotlib.figure import Figure

from telemetry.picture.sheet import style


class ShownFigure(Figure):
    """A figure of matplotlib."""

    def _repr_png_(self) -> bytes:
        """Return the picture, for a notebook."""
        file = io.BytesIO()
        with style():
            self.savefig(file, format="png")
        return file.getvalue()
