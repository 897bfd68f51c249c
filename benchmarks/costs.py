"""What code costs: CPU time, epochs, and the peak of memory in a process of its own."""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import time

from skorch.callbacks import Callback


def cpu_seconds(function, *args):
    """CPU time of a call, and what it returns."""
    start = time.process_time()
    result = function(*args)
    return time.process_time() - start, result


class EpochClock(Callback):
    """Reads a clock when a training starts and after each epoch of it."""

    def __init__(self, clock):
        self.clock = clock

    def on_train_begin(self, net, **kwargs):
        self.ends_ = [self.clock()]

    def on_epoch_end(self, net, **kwargs):
        self.ends_.append(self.clock())


def trimmed():
    """Give memory that was freed back to the system: it would be used again."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)


def peak_mib(function):
    """Largest memory of the process during a call beyond that before it, or None."""
    try:
        trimmed()
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # sets the peak to what is there now
        before = _status("VmRSS")
        function()
        return (_status("VmHWM") - before) / 1024
    except OSError:
        return None


def _status(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key))


def in_own_process(script, *case, **environment):
    """What `run` prints for a case in a process that nothing else runs in."""
    command = [sys.executable, script, "--case", json.dumps(case)]
    environment = os.environ | environment
    output = subprocess.check_output(command, text=True, env=environment)
    return json.loads(output)


def run(parser, main, measure):
    """Run the benchmark, or print the measurement of the one case that is asked for."""
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case is None:
        main(options)
    else:
        print(json.dumps(measure(*options.case)))


def print_line(widths, cells):
    """Print a line of a table: the first column to the left, others to the right."""
    first, *others = (str(cell) for cell in cells)
    texts = [f"{text:>{width}}" for text, width in zip(others, widths[1:])]
    print(f"{first:{widths[0]}}" + "".join(texts), flush=True)


def shown(number, form):
    """A number in a cell, which stays empty where there is none."""
    return "" if number is None else format(number, form)
