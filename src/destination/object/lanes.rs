//! How many parts of uploads are on their way at once: as many as the writers send, until the line turns out to be too
//! slow for them; then fewer, and again one more after a while in which all got through.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Instant;

/// More than a run sends.
const MOST: usize = 1 << 16;
/// So many parts must get through in each lane before there is one more; twice as many after each time that it was
/// too much.
const GOOD: usize = 4;
/// How often that is doubled.
const DOUBLINGS: u32 = 6;

#[derive(Debug)]
pub(super) struct Lanes {
    free: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Lanes that there are to be.
    width: usize,
    /// Lanes that there are, free or taken.
    existing: usize,
    /// When there became fewer.
    narrowed: Option<Instant>,
    /// How often.
    times: u32,
    /// Parts that got through since the width changed.
    good: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        let state = State { width: MOST, existing: MOST, narrowed: None, times: 0, good: 0 };
        Self { free: Arc::new(Semaphore::new(MOST)), state: Mutex::new(state) }
    }
}

impl Lanes {
    /// Waits for a lane. It is free again when the value is dropped.
    pub(super) async fn enter(self: &Arc<Self>) -> Lane {
        // The semaphore is never closed: without a permit nobody would be kept from sending.
        let permit = Arc::clone(&self.free).acquire_owned().await.ok();
        Lane { permit, lanes: Arc::clone(self) }
    }

    /// How many there are to be.
    pub(super) fn width(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).width
    }

    /// A part that was sent at `sent` did not get through: half of the lanes that are in use are left. Gives their
    /// number if there are fewer than before, and whether that is so for the first time.
    pub(super) fn narrow(&self, sent: Instant) -> Option<(usize, bool)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that were under way at that time say nothing about the lanes that are left.
        if state.narrowed.is_some_and(|at| at >= sent) {
            return None;
        }
        let used = state.existing - self.free.available_permits().min(state.existing);
        let width = (used.min(state.width) / 2).max(1);
        if width >= state.width {
            return None;
        }
        let first = state.narrowed.is_none();
        state.existing -= self.free.forget_permits(state.existing.saturating_sub(width));
        (state.width, state.narrowed) = (width, Some(Instant::now()));
        (state.times, state.good) = (state.times + 1, 0);
        Some((width, first))
    }

    /// A part got through. Gives the number of lanes if there is one more now.
    pub(super) fn got_through(&self) -> Option<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.narrowed.filter(|_| state.width < MOST)?;
        state.good += 1;
        if state.good < state.width * (GOOD << state.times.min(DOUBLINGS)) {
            return None;
        }
        (state.width, state.good) = (state.width + 1, 0);
        // One that was to go may be there still.
        if state.existing < state.width {
            state.existing += 1;
            self.free.add_permits(1);
        }
        Some(state.width)
    }
}

/// A part on its way.
#[derive(Debug)]
pub(super) struct Lane {
    permit: Option<OwnedSemaphorePermit>,
    lanes: Arc<Lanes>,
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut state = self.lanes.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(permit) = self.permit.take() else { return };
        if state.existing > state.width {
            state.existing -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_more_after_many_that_got_through_and_later_each_time() {
        let lanes = Arc::new(Lanes::default());
        assert_eq!(lanes.got_through(), None, "as many as there may be");
        let needed = |lanes: &Lanes| (1..).find_map(|parts| lanes.got_through().map(|width| (parts, width)));
        let two = (lanes.enter().await, lanes.enter().await);
        assert_eq!(lanes.narrow(Instant::now()), Some((1, true)));
        // Both are taken, and one of them is to go.
        assert_eq!(needed(&lanes), Some((GOOD * 2, 2)));
        drop(two);
        assert_eq!(lanes.free.available_permits(), 2);
        assert_eq!(needed(&lanes), Some((GOOD * 2 * 2, 3)));
        assert_eq!(lanes.free.available_permits(), 3);
        let three = (lanes.enter().await, lanes.enter().await, lanes.enter().await);
        assert_eq!(lanes.narrow(Instant::now()), Some((1, false)));
        drop(three);
        assert_eq!(lanes.free.available_permits(), 1);
        assert_eq!(needed(&lanes), Some((GOOD * 4, 2)));
    }

    #[tokio::test]
    async fn lanes_in_use_are_halved_once_for_all_that_failed_together() {
        let lanes = Arc::new(Lanes::default());
        let mut used = Vec::new();
        for _ in 0..8 {
            used.push(lanes.enter().await);
        }
        let sent = Instant::now();
        assert_eq!(lanes.narrow(sent), Some((4, true)));
        assert_eq!(lanes.narrow(sent), None, "it was sent before");
        // Four go without leaving a lane; the fifth leaves its own to the next.
        used.truncate(4);
        assert_eq!(lanes.free.available_permits(), 0);
        used.pop();
        let next = lanes.enter().await;
        assert_eq!(lanes.free.available_permits(), 0);
        let later = Instant::now();
        assert_eq!(lanes.narrow(later), Some((2, false)));
        drop((next, used));
        assert_eq!((lanes.width(), lanes.free.available_permits()), (2, 2));
        let one = lanes.enter().await;
        assert_eq!(lanes.narrow(Instant::now()), Some((1, false)));
        assert_eq!(lanes.narrow(Instant::now()), None, "there is only one");
        drop(one);
        assert_eq!(lanes.free.available_permits(), 1);
    }
}
