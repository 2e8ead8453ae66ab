//! Decimals as PostgreSQL sends them: base-10000 digits around the decimal point.
//!
//! Number of digits n, weight w of the first (its unit is 10000^w), sign, display scale, each 16 bits, then the digits
//! without zeros at either end.

use arrow::datatypes::i256;

const NEGATIVE: u16 = 0x4000;

/// Appends `value * 10^-scale`.
pub fn put(out: &mut Vec<u8>, value: i256, scale: u16) {
    let places = usize::from(scale);
    let digits = value.wrapping_abs().to_string();
    // Digits on each side of the point, in groups of four.
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let whole = format!("{whole:0>width$}", width = whole.len().next_multiple_of(4));
    let fraction = format!("{fraction:0<width$}", width = fraction.len().next_multiple_of(4));
    let group = |four: &[u8]| four.iter().fold(0_u16, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let groups: Vec<u16> =
        whole.as_bytes().chunks(4).chain(fraction.as_bytes().chunks(4)).map(group).collect();
    put_groups(out, &groups, whole.len() / 4, value.is_negative(), scale);
}

/// Appends `value * 10^-scale`, quickly. `scale` is at most 38.
pub fn put_small(out: &mut Vec<u8>, value: i128, scale: u16) {
    // Room for up to three zeros that fill the last group of the fraction.
    const LARGEST: u128 = u128::MAX / 1000;
    let absolute = value.unsigned_abs();
    if absolute > LARGEST {
        return put(out, i256::from_i128(value), scale);
    }
    let filled = scale.next_multiple_of(4);
    let mut rest = absolute * 10_u128.pow(u32::from(filled - scale));
    let (mut groups, mut first) = ([0_u16; 20], 20);
    while rest > 0 {
        first -= 1;
        groups[first] = (rest % 10_000) as u16;
        rest /= 10_000;
    }
    let fraction = usize::from(filled / 4);
    // Where the point is; more groups than there are stand before it when the number is below 1.
    first = first.min(20 - fraction);
    put_groups(out, &groups[first..], 20 - fraction - first, value < 0, scale);
}

/// `whole` of the groups stand before the point.
fn put_groups(out: &mut Vec<u8>, groups: &[u16], whole: usize, negative: bool, scale: u16) {
    let first = groups.iter().position(|group| *group != 0).unwrap_or(groups.len());
    let end = groups.iter().rposition(|group| *group != 0).map_or(first, |last| last + 1);
    let significant = &groups[first..end];
    let (weight, sign) = if significant.is_empty() {
        (0, 0)
    } else {
        (whole as i64 - first as i64 - 1, if negative { NEGATIVE } else { 0 })
    };
    out.extend_from_slice(&(significant.len() as u16).to_be_bytes());
    out.extend_from_slice(&(weight as i16).to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
    for group in significant {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(value: i128, scale: u16) -> Vec<u16> {
        let (mut quick, mut slow) = (Vec::new(), Vec::new());
        put_small(&mut quick, value, scale);
        put(&mut slow, i256::from_i128(value), scale);
        assert_eq!(quick, slow, "{value} at {scale}");
        quick.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    #[test]
    fn digits_are_as_the_server_sends_them() {
        // As `numeric_send` gave them: select numeric_send(12.50::numeric(12,2)) and so on.
        assert_eq!(words(0, 2), [0, 0, 0, 2]);
        assert_eq!(words(1250, 2), [2, 0, 0, 2, 12, 5000]);
        assert_eq!(words(-1250, 2), [2, 0, NEGATIVE, 2, 12, 5000]);
        assert_eq!(words(5, 4), [1, 0xffff, 0, 4, 5]);
        assert_eq!(words(5, 5), [1, 0xfffe, 0, 5, 5000]);
        assert_eq!(words(100_000_000, 0), [1, 2, 0, 0, 1]);
        assert_eq!(words(123_456_789, 3), [3, 1, 0, 3, 12, 3456, 7890]);
        assert_eq!(words(i128::MAX, 38).len(), 4 + 11);
    }

    #[test]
    fn both_ways_agree() {
        for scale in 0..=38 {
            for shift in 0..127 {
                for value in [1_i128 << shift, -(1_i128 << shift), ((1_i128 << shift) / 7).wrapping_mul(1000)]
                {
                    words(value, scale);
                }
            }
        }
    }
}
