"""``python -m skaug``, the same as the command ``skaug``."""

from skaug.comparison.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
