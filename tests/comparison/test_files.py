"""Arrays, folders and options: what is read, and what is refused."""

import numpy as np
import pytest
from helpers import refuses
from shl_folder import write_folder

from skaug.comparison import draw, read_file, read_task
from skaug.comparison.arrays import as_rows
