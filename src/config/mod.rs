//! Auth file, secrets, units: text to typed values.
