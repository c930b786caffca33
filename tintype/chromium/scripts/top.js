// Back to where a visitor starts.
() => scrollTo({ top: 0, left: 0, behavior: "instant" })
