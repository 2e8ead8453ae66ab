//! Reading the fields of a packet, each length checked.

/// What is left of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number that says in its first byte how long it is.
    #[inline]
    pub(super) fn number(&mut self) -> Option<u64> {
        match self.byte()? {
            small @ ..=0xfa => Some(small.into()),
            0xfc => self.u16().map(u64::from),
            0xfd => self.array::<3>().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]).into()),
            0xfe => self.array().map(u64::from_le_bytes),
            // NULL in a row of text, and the mark of an error.
            0xfb | 0xff => None,
        }
    }

    /// Bytes after the number of them.
    #[inline]
    pub(super) fn counted(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.number()?).ok()?;
        self.bytes(count)
    }

    /// Bytes before a zero byte, which is skipped.
    pub(super) fn until_zero(&mut self) -> Option<&'a [u8]> {
        let count = self.0.iter().position(|byte| *byte == 0)?;
        let taken = self.bytes(count)?;
        self.byte()?;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_counts_are_read_whole_or_not_at_all() {
        for (bytes, number) in [
            (&[0xfa][..], Some(250)),
            (&[0xfc, 1, 2], Some(0x201)),
            (&[0xfd, 1, 2, 3], Some(0x3_0201)),
            (&[0xfe, 1, 0, 0, 0, 0, 0, 0, 0x80], Some((1 << 63) + 1)),
            (&[0xfb], None),
            (&[0xff], None),
        ] {
            assert_eq!(Reader(bytes).number(), number, "{bytes:?}");
            for length in 0..bytes.len() {
                assert_eq!(Reader(&bytes[..length]).number(), None, "{:?}", &bytes[..length]);
            }
        }
        assert_eq!(Reader(&[2, b'a', b'b', b'c']).counted(), Some(&b"ab"[..]));
        assert_eq!(Reader(&[2, b'a']).counted(), None);
        assert_eq!(Reader(&[0xfe, 255, 255, 255, 255, 255, 255, 255, 255, b'a']).counted(), None);
        let mut reader = Reader(b"name\0rest");
        assert_eq!((reader.until_zero(), reader.0), (Some(&b"name"[..]), &b"rest"[..]));
        assert_eq!(reader.until_zero(), None);
    }
}
