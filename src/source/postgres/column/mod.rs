//! One small decoder per type family, chosen once per column.
