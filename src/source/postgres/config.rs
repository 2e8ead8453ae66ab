//! How to reach a server.
