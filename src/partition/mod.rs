//! Cuts a table into slices that are disjoint and together hold every row. Pure.
