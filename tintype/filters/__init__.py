"""Filter lists in EasyList's format: download, compilation and matching; used if the operator configures lists."""
