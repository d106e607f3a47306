//! The curfew command: the same verbs in a terminal.
