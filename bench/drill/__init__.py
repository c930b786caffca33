"""Drill: one node under hostile pages, hostile callers and failing backends, with honest callers beside them."""
