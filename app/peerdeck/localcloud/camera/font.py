"""What the camera burns into its picture, as dots."""

import numpy as np
import numpy.typing as npt

from peerdeck.core.dot_letters import COLUMNS, ROWS, dots


def text_mask(text: str, scale: int) -> npt.NDArray[np.bool_]:
    """True where ink is; 7·scale rows, 6·scale columns for a character; unknown ones are blank."""
    glyphs = [_glyph(character) for character in text]
    found = np.hstack(glyphs) if glyphs else np.zeros((ROWS, 0), dtype=np.bool_)
    return np.repeat(np.repeat(found, scale, axis=0), scale, axis=1)


def _glyph(character: str) -> npt.NDArray[np.bool_]:
    rows = np.frombuffer(dots(character), dtype=np.uint8)
    bits = np.unpackbits(rows[:, None], axis=1)[:, 8 - COLUMNS :]
    return np.pad(bits, ((0, 0), (0, 1))).astype(np.bool_)
