"""Installation and checks of the browser, the fonts and the system user."""
