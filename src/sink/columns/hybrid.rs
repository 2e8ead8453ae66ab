//! Parquet's hybrid of run lengths and bit packing, for dictionary codes and definition levels.
//!
//! A run of one value is `varint(length * 2)` and the value in whole bytes; anything else is
//! `varint(groups * 2 + 1)` and groups of eight values of `width` bits each, lowest bits first.

/// Values in a group of packed bits.
const GROUP: usize = 8;
/// Groups in one packed run: its header is then one byte, which the oldest readers expect.
const GROUPS: usize = 63;

/// Bits that all codes below `values` fit in.
pub(super) fn width(values: usize) -> u32 {
    usize::BITS - values.saturating_sub(1).leading_zeros()
}

/// Appends `codes`, all of which fit in `width` bits.
pub(super) fn put_codes(out: &mut Vec<u8>, codes: &[u32], width: u32) {
    let mut packed = 0;
    let mut at = 0;
    while at < codes.len() {
        let run = run_length(&codes[at..]);
        if run < GROUP {
            at = (at + GROUP).min(codes.len());
            continue;
        }
        put_packed(out, &codes[packed..at], width);
        put_run(out, run, codes[at], width);
        at += run;
        packed = at;
    }
    put_packed(out, &codes[packed..], width);
}

/// How often the first of `codes` follows itself, if that is a group at least; 0 otherwise.
fn run_length(codes: &[u32]) -> usize {
    let Some(group) = codes.first_chunk::<GROUP>() else {
        return 0;
    };
    let first = group[0];
    if group.iter().fold(0, |difference, code| difference | (code ^ first)) != 0 {
        return 0;
    }
    codes.iter().position(|code| *code != first).unwrap_or(codes.len())
}

fn put_run(out: &mut Vec<u8>, length: usize, code: u32, width: u32) {
    put_varint(out, (length as u64) << 1);
    out.extend_from_slice(&code.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Whole groups, but for the last, which is filled with zeros.
fn put_packed(out: &mut Vec<u8>, codes: &[u32], width: u32) {
    for run in codes.chunks(GROUP * GROUPS) {
        let groups = run.len().div_ceil(GROUP);
        put_varint(out, (groups as u64) << 1 | 1);
        let end = out.len() + groups * width as usize;
        let mut bits = Bits::default();
        for code in run {
            bits.put(out, u64::from(*code), width);
        }
        bits.finish(out);
        out.resize(end, 0);
    }
}

/// Appends one definition level per bit of `valid`, which is `bytes` bits lowest first, of `rows` rows.
pub(super) fn put_levels(out: &mut Vec<u8>, valid: &[u8], rows: usize) {
    let bytes = &valid[..rows.div_ceil(8)];
    let whole = rows / 8;
    let mut packed = 0;
    let mut at = 0;
    while at < whole {
        let run = match bytes[at] {
            same @ (0 | 0xff) => bytes[at..whole].iter().position(|b| *b != same).unwrap_or(whole - at),
            _ => 0,
        };
        // A run costs up to four bytes, and cuts a packed one in two.
        if run < 4 && (at, run) != (0, whole) {
            at += run.max(1);
            continue;
        }
        put_bytes(out, &bytes[packed..at]);
        // What is left of the last byte belongs to the run if it is the same.
        let (mut length, mut end) = (run * 8, at + run);
        let tail = rows % 8;
        if end == whole && tail > 0 {
            let mask = (1u8 << tail) - 1;
            if bytes[whole] & mask == bytes[at] & mask {
                length += tail;
                end = bytes.len();
            }
        }
        put_run(out, length, u32::from(bytes[at] & 1), 1);
        at = end;
        packed = end;
    }
    put_bytes(out, &bytes[packed..]);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    for run in bytes.chunks(GROUPS) {
        put_varint(out, (run.len() as u64) << 1 | 1);
        out.extend_from_slice(run);
    }
}

/// Appends `value` in groups of seven bits, lowest first.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bits on their way into bytes, lowest first.
#[derive(Default)]
pub(super) struct Bits {
    held: u64,
    count: u32,
}

impl Bits {
    /// Appends the lowest `width` bits of `value`, which has no others. At most 64.
    #[inline]
    pub(super) fn put(&mut self, out: &mut Vec<u8>, value: u64, width: u32) {
        if width > 32 {
            self.put_short(out, value & 0xffff_ffff, 32);
            self.put_short(out, value >> 32, width - 32);
        } else {
            self.put_short(out, value, width);
        }
    }

    #[inline]
    fn put_short(&mut self, out: &mut Vec<u8>, value: u64, width: u32) {
        self.held |= value << self.count;
        self.count += width;
        if self.count >= 32 {
            out.extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    /// Appends what is held, filled with zeros to whole bytes.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.held.to_le_bytes()[..self.count.div_ceil(8) as usize]);
    }
}
