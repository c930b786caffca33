"""The commands of ``tintype``: one file each, with a ``command``."""
