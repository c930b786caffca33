"""Filter lists in EasyList's format, where an operator configures some: fetched, compiled, asked."""
