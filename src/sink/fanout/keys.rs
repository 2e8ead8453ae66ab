//! Which rows have the same keys.

use std::collections::HashMap;

use ahash::RandomState;
use arrow::array::ArrayRef;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};

use super::runs::count;
use super::values::directory;
use crate::error::{Error, Result};

/// The distinct keys that were seen, numbered in the order in which they came.
pub(super) struct Keys {
    names: Vec<String>,
    /// Made for the types of the first rows.
    converter: Option<RowConverter>,
    numbers: HashMap<Box<[u8]>, u32, RandomState>,
    rows: Vec<OwnedRow>,
    directories: Vec<String>,
}

impl Keys {
    pub(super) fn new(names: Vec<String>) -> Self {
        Self {
            names,
            converter: None,
            numbers: HashMap::default(),
            rows: Vec::new(),
            directories: Vec::new(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The directories of a key: `y=1992/m=3/`.
    pub(super) fn directory(&self, key: usize) -> &str {
        &self.directories[key]
    }

    /// All keys in the order of their values, NULL first.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by(|a, b| self.rows[*a].cmp(&self.rows[*b]));
        order
    }

    /// The numbers of the keys of rows, whose values are `columns`.
    ///
    /// Errors: `Data` for a value that cannot be the name of a directory.
    pub(super) fn numbers(&mut self, columns: &[ArrayRef]) -> Result<Vec<u32>> {
        let rows = self.rows_of(columns)?;
        let mut numbers = Vec::with_capacity(rows.num_rows());
        let mut last: Option<(&[u8], u32)> = None;
        for at in 0..rows.num_rows() {
            let bytes = rows.row(at).data();
            let number = match last {
                Some((same, number)) if same == bytes => number,
                _ => match self.numbers.get(bytes) {
                    Some(number) => *number,
                    None => {
                        let number = count(self.rows.len())?;
                        self.directories.push(directory(&self.names, columns, at)?);
                        self.rows.push(rows.row(at).owned());
                        self.numbers.insert(bytes.into(), number);
                        number
                    }
                },
            };
            last = Some((bytes, number));
            numbers.push(number);
        }
        Ok(numbers)
    }

    fn rows_of(&mut self, columns: &[ArrayRef]) -> Result<Rows> {
        let failed = |error| Error::internal("keys of partitions as rows").caused_by(error);
        let converter = match &mut self.converter {
            Some(converter) => converter,
            none => {
                let fields = columns.iter().map(|column| SortField::new(column.data_type().clone()));
                none.insert(RowConverter::new(fields.collect()).map_err(failed)?)
            }
        };
        converter.convert_columns(columns).map_err(failed)
    }
}
