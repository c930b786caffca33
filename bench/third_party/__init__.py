"""Third-party scripts of benchmarks: what sites carry besides their own files, served from loopback.

Five tags, as sites paste them: consent dialog, tag manager, analytics, advertising and chat. All code is of this
repository: the behaviour is written by hand (``*.js``), and the rest of each script, its size and its work at start,
is generated (``library.py``). The hosts are real names, because tools block by name.
"""
