"""Page classification: verdicts such as ok, blank, error, login or challenge."""
