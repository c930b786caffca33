"""``python -m tintype`` is ``tintype``."""

from tintype.cli import main

main()
