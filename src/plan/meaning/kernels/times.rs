//! Dates, times, timestamps; and the text forms of them, of booleans, uuids and bytes.
