//! What is committed is finished, whatever becomes of the output, the log and the temporary files.
