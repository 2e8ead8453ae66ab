//! Command line: flags to spec, composition, rendering.
