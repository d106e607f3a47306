"""A stand-in for the clouds on this computer: see docs/without-an-account.md."""
