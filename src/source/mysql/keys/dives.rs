//! How keys lie, from estimates for ranges of them: those with many rows are cut until each has little of all.
//!
//! Pure: who asks the server gives the estimates.

/// Ranges into which all keys are cut first, and into which one is at most that has too many rows.
const FIRST_RANGES: i128 = 64;
const RANGES_EACH: i128 = 8;
/// Ranges that are asked about in all. One costs less than a millisecond at the server, unless it has to read the pages.
const MOST_RANGES: usize = 8_192;
/// Ranges that are aimed at, however many points are wanted. InnoDB counts small ranges exactly; it takes large ones for
/// twice as many rows where the pages of the index divide early, and none for more than half of the table.
const LEAST_PIECES: usize = 256;
const MOST_PIECES: usize = 1_024;
/// A key of 128 bits that stands alone is found in 42.
const MOST_ROUNDS: usize = 48;
/// Keys beyond are not distinguished.
const FURTHEST: i128 = i128::MAX / 4;

/// Keys from `from`, inclusive, to `to`, exclusive, and about how many rows have them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) from: i128,
    pub(super) to: i128,
    pub(super) rows: f64,
}

/// What is known of the keys so far.
#[derive(Debug)]
pub(super) struct Dives {
    /// In the order of the keys, without gaps.
    pieces: Vec<Piece>,
    /// Those of them whose rows are not known yet, by place.
    unknown: Vec<usize>,
    asked: usize,
    rounds: usize,
    points: usize,
}

impl Dives {
    /// For keys from `min` to `max`, both inclusive, and so many points.
    pub(super) fn new(min: i128, max: i128, points: usize) -> Self {
        // Their distance is a number too; keys further out are in the first and the last piece.
        let (min, max) = (min.clamp(-FURTHEST, FURTHEST), max.clamp(-FURTHEST, FURTHEST));
        let whole = Piece { from: min, to: max.max(min) + 1, rows: f64::INFINITY };
        let mut dives = Self { pieces: Vec::new(), unknown: Vec::new(), asked: 0, rounds: 0, points };
        dives.put_parts(whole, FIRST_RANGES);
        dives
    }

    /// The ranges to be asked about; none when enough is known.
    pub(super) fn open(&self) -> Vec<Piece> {
        self.unknown.iter().filter_map(|at| self.pieces.get(*at).copied()).collect()
    }

    /// Takes the rows of each of the ranges that [`Self::open`] gave, and cuts those that have too many.
    pub(super) fn answer(&mut self, rows: &[f64]) {
        for (at, rows) in self.unknown.iter().zip(rows) {
            if let Some(piece) = self.pieces.get_mut(*at) {
                piece.rows = rows.max(0.0);
            }
        }
        self.asked += self.unknown.len();
        self.rounds += 1;
        self.unknown.clear();
        let total: f64 = self.pieces.iter().map(|piece| piece.rows).sum();
        let target = total / self.points.clamp(LEAST_PIECES, MOST_PIECES) as f64;
        let is_large = |piece: &Piece| piece.rows > target && piece.to - piece.from > 1;
        let mut sizes: Vec<f64> = self.pieces.iter().filter(|p| is_large(p)).map(|p| p.rows).collect();
        if self.rounds >= MOST_ROUNDS {
            return;
        }
        // The largest first, when not all can be asked about.
        let room = MOST_RANGES.saturating_sub(self.asked) / RANGES_EACH as usize;
        sizes.sort_by(|a, b| b.total_cmp(a));
        let least = match sizes.get(room) {
            Some(next) => *next,
            None => target,
        };
        for piece in std::mem::take(&mut self.pieces) {
            if is_large(&piece) && piece.rows > least {
                self.put_parts(piece, ((piece.rows / target).ceil() as i128).clamp(2, RANGES_EACH));
            } else {
                self.pieces.push(piece);
            }
        }
    }

    fn put_parts(&mut self, whole: Piece, parts: i128) {
        let width = whole.to - whole.from;
        let parts = parts.min(width).max(1);
        let bound = |part: i128| whole.from + width / parts * part + width % parts * part / parts;
        for part in 0..parts {
            self.unknown.push(self.pieces.len());
            self.pieces.push(Piece { from: bound(part), to: bound(part + 1), rows: f64::INFINITY });
        }
    }

    /// How many ranges were asked about.
    pub(super) fn asked(&self) -> usize {
        self.asked
    }

    /// About how many rows there are.
    pub(super) fn rows(&self) -> f64 {
        self.pieces.iter().map(|piece| piece.rows).filter(|rows| rows.is_finite()).sum()
    }

    /// Keys at the points wanted: equal steps of rank. The second number is the first key of its range.
    pub(super) fn points(&self) -> Vec<(i128, i128)> {
        let total = self.rows();
        let mut found = Vec::with_capacity(self.points);
        let mut pieces = self.pieces.iter().filter(|piece| piece.rows > 0.0 && piece.rows.is_finite());
        let (mut before, mut piece) = (0.0, pieces.next());
        for point in 0..self.points {
            let rank = (point as f64 + 0.5) / self.points as f64 * total;
            while let Some(Piece { rows, .. }) = piece
                && before + rows <= rank
            {
                let Some(next) = pieces.next() else { break };
                before += rows;
                piece = Some(next);
            }
            let Some(Piece { from, to, rows }) = piece else { break };
            let width = to - from;
            let share = ((rank - before) / rows).clamp(0.0, 1.0);
            found.push((from + ((width as f64 * share) as i128).min(width - 1), *from));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use super::*;

    /// Asks as the server is asked: the points, and how many ranges it took.
    fn points(keys: &[i128], points: usize) -> (Vec<i128>, usize) {
        let (min, max) = (*keys.first().unwrap(), *keys.last().unwrap());
        let mut dives = Dives::new(min, max, points);
        loop {
            let open = dives.open();
            if open.is_empty() {
                break;
            }
            let count = |p: &Piece| {
                (keys.partition_point(|k| *k < p.to) - keys.partition_point(|k| *k < p.from)).max(1) as f64
            };
            let rows: Vec<f64> = open.iter().map(count).collect();
            dives.answer(&rows);
        }
        (dives.points().into_iter().map(|(point, _)| point).collect(), dives.asked)
    }

    /// The largest share of the keys between two points that follow each other, times the number of points.
    fn worst(keys: &[i128], points: &[i128]) -> f64 {
        let at = |key: &i128| keys.partition_point(|k| k < key);
        let most = points.windows(2).map(|pair| at(&pair[1]) - at(&pair[0])).max().unwrap();
        most as f64 * points.len() as f64 / keys.len() as f64
    }

    #[test]
    fn points_have_as_many_keys_between_them() {
        let even: Vec<i128> = (0..100_000).collect();
        let skewed: Vec<i128> = (0..99_000).chain((0..1_000).map(|k| 1_000_000 + k * 10_000)).collect();
        let apart: Vec<i128> =
            (0..50_000).map(|k| k * 3 - (1 << 62)).chain((0..50_000).map(|k| (1 << 62) + k)).collect();
        for keys in [&even, &skewed, &apart] {
            let (found, asked) = points(keys, 128);
            assert_eq!(found.len(), 128);
            assert!(found.is_sorted());
            assert!(worst(keys, &found) < 2.2, "{} {asked}", worst(keys, &found));
            assert!(asked < 2_000, "{asked}");
        }
    }

    #[test]
    fn a_frequent_key_is_there_repeatedly() {
        let mut keys: Vec<i128> = (0..30_000).map(|k| k * 1_000_003).collect();
        keys.extend(repeat_n(777_777_777_777_i128, 60_000).chain(repeat_n(i64::MAX.into(), 10_000)));
        keys.sort_unstable();
        let (found, _) = points(&keys, 100);
        let count = |key: i128| found.iter().filter(|point| **point == key).count();
        assert!((58..=62).contains(&count(777_777_777_777)), "{}", count(777_777_777_777));
        assert!((9..=11).contains(&count(i64::MAX.into())), "{}", count(i64::MAX.into()));
    }

    #[test]
    fn one_key_and_the_widest_range_of_keys() {
        assert_eq!(points(&[5; 1000], 4).0, [5; 4]);
        let (found, asked) = points(&[i64::MIN.into(), 0, u64::MAX.into()], 3);
        assert_eq!(found.len(), 3);
        assert!(asked < 1_000, "{asked}");
        let most = 10_i128.pow(38) - 1;
        assert!(points(&[-most, 0, most], 3).0.is_sorted());
    }
}
