"""
Reading public sets of wearable signals
=======================================

Papers on wearables share a handful of sets, each in its own format, with faults that
every reader meets again. This page writes a small file in each format, reads it, and
shows what the reader has to say.
"""  # noqa: D400

# %%
# Lines that are mended
# ---------------------
#
# These are lines of WISDM's file. Of subject 20 the phone wrote some samples twice, and
# zeros for others. Three more faults for which the file is known are made here: two
# records on one line, a line without z, a line that breaks off.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug.datasets import load_har
from skaug.signals import (
    MagnitudeSpectrum,
    fill_gaps,
    frame_segments,
    load_mhealth,
    load_pamap2,
    load_shl,
    load_uci_har,
    load_wisdm,
)

temporary = tempfile.TemporaryDirectory()
root = Path(temporary.name)

lines = """\
33,Jogging,49105962326000,-0.6946377,12.680544,0.50395286;
33,Jogging,49106062271000,5.012288,11.264028,0.95342433;33,Jogging,49106112167000,4.903325,10.882658,-0.08172209;
33,Jogging,49106222305000,-0.61291564,18.496431,;
33,Jogging,49106332290000,-1.1849703,12.108489,7.205164;
20,Walking,326212260000,17.01,16.17,6.851035;
20,Walking,326262218000,4.6,-0.72,2.4516625;
20,Walking,326262218000,4.6,-0.72,2.4516625;
20,Walking,0,0,0,0.0;
20,Walking,0,0,0,0.0;
20,Walking,326652385000,3.11,9.08,-0.9942854;
20,Walking,3267
"""
(root / "WISDM_ar_v1.1_raw.txt").write_text(lines)
wisdm = load_wisdm(root / "WISDM_ar_v1.1_raw.txt")
print("recordings:", [x.shape for x in wisdm.X], "of people", wisdm.groups)
for kind, remark in wisdm.remarks.items():
    places = [line for _, line in remark.first]
    print(f"{kind:28}{remark.n:2}  {remark.done:27} lines {places}")

# %%
# Nothing is invented: what the file does not have is NaN, at its place.
#
# Samples that were lost
# ----------------------
#
# PAMAP2 has three sensor units that send by radio. Packets that were lost are NaN in
# its files. Here a person lies, then walks; between the two is activity 0, which the
# authors say to discard. The signals are random numbers.

rng = np.random.default_rng(0)
rows = rng.normal(scale=0.3, size=(1700, 54))
rows[:, 0] = 8.38 + 0.01 * np.arange(1700)  # s
rows[:, 1] = np.repeat([1, 0, 4], [800, 100, 800])
rows[900:, 4] += 5 * np.sin(0.12 * np.arange(800))
rows[950:965, 3:20] = rows[1100:1200, 3:20] = np.nan  # the unit on the hand
(root / "Protocol").mkdir()
np.savetxt(root / "Protocol" / "subject101.dat", rows, fmt="%.6g")

pamap = load_pamap2(root, ["acc16", "gyro"])
filled = fill_gaps(pamap.X, limit=20)
print(pamap.channels[:4], [pamap.classes[labels[0]] for labels in pamap.y])
print({kind: remark.n for kind, remark in pamap.remarks.items()})
frames = frame_segments(
    filled.X, pamap.y, pamap.groups, frame_length=128, missing="drop"
)
print(frames.X, f"{frames.n_missing} left out")

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(pamap.times[1], filled.X[1][0], "C1", label="filled")
ax.plot(pamap.times[1], pamap.X[1][0], "C0", label="in the file")
ax.set(xlabel="s", ylabel="m/s²", title="hand_acc16_x: a short gap and a long one")
ax.spines[["top", "right"]].set_visible(False)
ax.legend()
plt.show()

# %%
# The short gap is filled by a line. The long one stays, and frames with it are left
# out.
#
# MHEALTH and SHL
# ---------------
#
# MHEALTH has 24 columns, without time. SHL has a file per channel and a segment per
# line; NaN is refused unless ``missing="keep"``.

rows = rng.normal(size=(600, 24))
rows[:, 23] = np.repeat([0, 4, 0, 9], 150)
np.savetxt(root / "mHealth_subject1.log", rows, fmt="%.5g", delimiter="\t")
mhealth = load_mhealth(root, ["ankle", "arm_gyro"])
labels = [mhealth.classes[labels[0]] for labels in mhealth.y]
print([x.shape for x in mhealth.X], labels, list(mhealth.sensors))

for name in ("Acc_x", "Acc_y", "Acc_z"):
    (root / f"{name}.txt").write_text("0.5 NaN 0.25\n1 9.81 0.5\n")
try:
    load_shl(root, ["Acc"])
except ValueError as error:
    print(error)
print(load_shl(root, ["Acc"], missing="keep").X.shape)

# %%
# Windows of UCI HAR
# ------------------
#
# UCI HAR's archive has windows, in a file per channel. The real windows that are part
# of skaug are written in this format here.

har = load_har()
signals = root / "UCI HAR Dataset" / "train" / "Inertial Signals"
signals.mkdir(parents=True)
for name, values in zip(har.channel_names, har.data.swapaxes(0, 1)):
    np.savetxt(signals / f"{name}_train.txt", values, fmt="%16.7e", delimiter="")
np.savetxt(signals.parent / "y_train.txt", har.target + 1, fmt="%d")
np.savetxt(signals.parent / "subject_train.txt", har.subject, fmt="%d")

windows = load_uci_har(root, "train")
print(windows.X.shape, windows.classes)
model = make_pipeline(
    MagnitudeSpectrum(windows.sensors, log=True),
    StandardScaler(),
    LogisticRegression(C=0.01, max_iter=1000),
)
scores = cross_val_score(
    model, windows.X, windows.y, groups=windows.groups, cv=GroupKFold(5)
)
print(f"accuracy in folds of people: {100 * scores.mean():.1f} %")
temporary.cleanup()
