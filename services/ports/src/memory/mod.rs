//! Adapters in memory, for tests above the ports.
