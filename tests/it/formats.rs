//! Formats on disk that earlier versions wrote are read for ever.

mod specs;
