"""From recordings to a table of features: segments, frames, spectra.

:func:`load_shl` reads recordings in segments; :func:`load_pamap2`, :func:`load_mhealth`
and :func:`load_wisdm` read recordings of unequal length, and :func:`load_uci_har`
windows. :func:`recordings_from_table` cuts a table. :func:`fill_gaps` and
:func:`resample` mend recordings, :func:`frame_segments` cuts them into frames, and
:class:`MagnitudeSpectrum` turns frames into the features that IHDA uses for wearable
sensors (A. Khan, K. Fraz, NeurIPS 2020, section 4.2.2).
"""

from skaug.signals.frames import Frames, frame_segments
from skaug.signals.gaps import fill_gaps
from skaug.signals.mhealth import load_mhealth
from skaug.signals.pamap2 import load_pamap2
from skaug.signals.rates import resample
from skaug.signals.shl import load_shl
from skaug.signals.spectrum import MagnitudeSpectrum
from skaug.signals.tables import frames_from_table, recordings_from_table
from skaug.signals.uci_har import load_uci_har
from skaug.signals.wisdm import load_wisdm

__all__ = [
    "Frames",
    "MagnitudeSpectrum",
    "fill_gaps",
    "frame_segments",
    "frames_from_table",
    "load_mhealth",
    "load_pamap2",
    "load_shl",
    "load_uci_har",
    "load_wisdm",
    "recordings_from_table",
    "resample",
]
