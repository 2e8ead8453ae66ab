//! Record batches to committed Parquet files.
