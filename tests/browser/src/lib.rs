//! Browser and window journeys, driven by WebDriver. Tests only.
