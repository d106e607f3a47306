//! Offers and prices: load, filter, rank. No runtime.
