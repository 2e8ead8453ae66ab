//! The distinct values of a chunk, numbered in the order in which they come.

use ahash::RandomState;

/// Slots of an empty table; a power of two.
const SLOTS: usize = 64;
/// What a slot says if no value is in it.
const FREE: u32 = u32::MAX;

/// Slots that hold codes, twice as many at least as there are values.
struct Slots {
    codes: Vec<u32>,
}

impl Slots {
    fn new() -> Self {
        Self { codes: vec![FREE; SLOTS] }
    }

    /// The code at or after the slot of `hash` that `is_it` confirms; otherwise the free slot found.
    #[inline]
    fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Result<u32, usize> {
        let mask = self.codes.len() - 1;
        let mut slot = (hash >> 32) as usize & mask;
        loop {
            match self.codes[slot] {
                FREE => return Err(slot),
                code if is_it(code) => return Ok(code),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// Puts `code` into a free slot; grows when half are taken, with the hash of every code.
    fn take(&mut self, slot: usize, code: u32, hash_of: impl Fn(u32) -> u64) {
        self.codes[slot] = code;
        if (code as usize + 1) * 2 <= self.codes.len() {
            return;
        }
        self.codes = vec![FREE; self.codes.len() * 2];
        for code in 0..=code {
            if let Err(slot) = self.find(hash_of(code), |_| false) {
                self.codes[slot] = code;
            }
        }
    }
}

/// Distinct integers.
pub(super) struct IntegerDictionary<T> {
    slots: Slots,
    values: Vec<T>,
}

impl<T: Copy + PartialEq + Into<i64>> IntegerDictionary<T> {
    pub(super) fn new() -> Self {
        Self { slots: Slots::new(), values: Vec::new() }
    }

    /// All values, in the order of their codes.
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.slots.codes.len() * 4 + self.values.capacity() * size_of::<T>()
    }

    /// The code of `value`, a new one if need be.
    #[inline]
    pub(super) fn code(&mut self, value: T) -> u32 {
        let hash = spread(value);
        let values = &self.values;
        match self.slots.find(hash, |code| values[code as usize] == value) {
            Ok(code) => code,
            Err(slot) => self.add(slot, value),
        }
    }

    #[cold]
    fn add(&mut self, slot: usize, value: T) -> u32 {
        let code = self.values.len() as u32;
        self.values.push(value);
        let values = &self.values;
        self.slots.take(slot, code, |code| spread(values[code as usize]));
        code
    }
}

/// The upper half depends on all bits of `value`.
#[inline]
fn spread<T: Into<i64>>(value: T) -> u64 {
    let bits: i64 = value.into();
    let product = u128::from(bits.cast_unsigned() ^ 0x243f_6a88_85a3_08d3) * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}

/// Distinct byte strings, kept as a dictionary page is: each led by its length in four bytes.
pub(super) struct ByteDictionary {
    slots: Slots,
    hasher: RandomState,
    /// Per code: hash, and where its bytes begin and end in `page`.
    entries: Vec<(u64, u32, u32)>,
    page: Vec<u8>,
}

impl ByteDictionary {
    pub(super) fn new() -> Self {
        Self { slots: Slots::new(), hasher: RandomState::new(), entries: Vec::new(), page: Vec::new() }
    }

    /// Distinct values.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The content of a dictionary page.
    pub(super) fn page(&self) -> &[u8] {
        &self.page
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.slots.codes.len() * 4 + self.entries.capacity() * 16 + self.page.capacity()
    }

    /// All values, in the order of their codes.
    pub(super) fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().map(|(_, start, end)| &self.page[*start as usize..*end as usize])
    }

    /// The value of `code`, which was given out.
    pub(super) fn value(&self, code: u32) -> &[u8] {
        let (_, start, end) = self.entries[code as usize];
        &self.page[start as usize..end as usize]
    }

    /// The code of `value`, a new one if need be.
    #[inline]
    pub(super) fn code(&mut self, value: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(value);
        let (entries, page) = (&self.entries, &self.page);
        let is_it = |code: u32| {
            let (its_hash, start, end) = entries[code as usize];
            its_hash == hash && &page[start as usize..end as usize] == value
        };
        match self.slots.find(hash, is_it) {
            Ok(code) => code,
            Err(slot) => self.add(slot, hash, value),
        }
    }

    #[cold]
    fn add(&mut self, slot: usize, hash: u64, value: &[u8]) -> u32 {
        let code = self.entries.len() as u32;
        self.page.extend_from_slice(&(value.len() as u32).to_le_bytes());
        let start = self.page.len() as u32;
        self.page.extend_from_slice(value);
        self.entries.push((hash, start, self.page.len() as u32));
        let entries = &self.entries;
        self.slots.take(slot, code, |code| entries[code as usize].0);
        code
    }
}
