//! Slow and broken lines, and proxies that are down.
