"""Sitemaps and robots.txt of sites: the URLs of a site, and those that a program may load."""
