"""Fitted objects in one file without pickle, and back.

:func:`save` writes an object as a tree of plain values (``tree``), of which some are
objects (``objects``) and others have a form of their own (``kinds``), such as arrays
and random generators. Arrays go into a safetensors file, and the tree into its header
as JSON (``model_files``). :func:`load` makes objects of the classes that ``known``
lists, and of those that the user names. It runs nothing that a file holds.
"""

from skaug.saving.model_files import load, save

__all__ = ["load", "save"]
