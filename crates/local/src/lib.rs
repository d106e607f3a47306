//! This computer as a provider: supervised runs and endpoints.
