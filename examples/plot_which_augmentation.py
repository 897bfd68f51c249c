"""
Which augmentation helps?
=========================

A search over methods compares each with plain training in the same folds, says in one
sentence what it found, and fits the best. How many rows is the gain worth?
"""  # noqa: D400

# %%
# The question
# ------------
#
# A hundred images of digits are few. Would shifted and turned images help, alone or
# with :ref:`ISDA <isda>` on top? Both names are among ``skaug.comparison.METHODS``. By
# default the search compares all methods that suit the rows, and takes longer.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skaug import AugmentationSearchCV

X, y = load_digits(return_X_y=True)
X, X_other, y, y_other = train_test_split(
    X.reshape(-1, 1, 8, 8) / 16, y, train_size=100, stratify=y, random_state=0
)
search = AugmentationSearchCV(
    methods=["heuristics", "heuristics + ISDA 1"],
    budget="quick",
    n_jobs=2,
    random_state=0,
)
search.fit(X, y)
print(search.comparison_)

# %%
# The answer
# ----------
#
# Thick lines are one standard error, thin ones 95 % intervals. Errors are those of the
# differences in each fold, so that what makes a fold easy or hard drops out.

search.comparison_.plot()

# %%
# What was best is fitted to all 100 rows. The other 1,697 images were in no fold. Plain
# training chose its own gradient steps and weight decay in the same folds, so that the
# comparison is a fair one.

for name in ("plain_estimator_", "best_estimator_"):
    accuracy = getattr(search, name).score(X_other, y_other)
    print(f"{name:17} {100 * accuracy:.1f} % of the other images")

# %%
# What it is worth
# ----------------
#
# Both are trained on a quarter, a half and all of the rows of each fold. The curves say
# how many times as many rows plain training would need to be as good.

search.comparison_.learning_curves()
print(search.comparison_.exchange_rate())

# %%
# ``search.comparison_.save("page.html")`` writes all of this to one page, with the
# model card of the best method. ``skaug compare FILE`` does the same for a file.
