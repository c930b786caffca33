"""Tests of the playground: a package, so that its modules share one service and one browser."""
