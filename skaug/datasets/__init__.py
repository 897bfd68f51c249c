"""Real data inside the package, so that examples run without a download.

:func:`load_har` loads windows of a phone's sensors, worn by 30 people during six
activities.
"""

from skaug.datasets.har import load_har

__all__ = ["load_har"]
