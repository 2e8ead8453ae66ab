//! What a new user is told: hints, counts and names.
