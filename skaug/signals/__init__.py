"""From recordings to a table of features: segments, frames, spectra.

:func:`load_shl` reads a recording in segments, :func:`frame_segments` cuts them into
frames, and :class:`MagnitudeSpectrum` turns frames into the features that IHDA uses for
wearable sensors (A. Khan, K. Fraz, NeurIPS 2020, section 4.2.2).
"""

from skaug.signals.frames import Frames, frame_segments
from skaug.signals.shl import load_shl
from skaug.signals.spectrum import MagnitudeSpectrum

__all__ = ["Frames", "MagnitudeSpectrum", "frame_segments", "load_shl"]
