//! Routes, view structs, templates and static files: the panel's pages.
