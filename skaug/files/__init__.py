"""Files that people have, read with care: tables, arrays and recordings.

:func:`read_file` (``reader``) looks before it trusts, and says what it saw.
``table_files`` puts a table together: ``text_tables`` finds encoding, separator and
lines that do not fit, ``written_numbers`` reads numbers as people write them,
``columns`` tells what each column is, ``labels`` checks labels and groups, and
``leaks`` finds columns that give the class away. ``arrays`` and ``recordings`` read
what is no table.
"""

from skaug.files.reader import Reading, read_file

__all__ = ["Reading", "read_file"]
