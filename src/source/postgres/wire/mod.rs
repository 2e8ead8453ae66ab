//! A small client for the PostgreSQL protocol: startup, TLS, authentication, simple query, COPY out, cancel.
