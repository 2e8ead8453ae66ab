use std::future::pending;
use std::sync::{Arc, Mutex};

use futures::FutureExt;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(1);

#[tokio::test]
async fn time_stands_until_it_is_moved() {
    let time = hold();
    let seen = (Instant::now(), moment(), now());
    std::thread::sleep(2 * MOMENT);
    assert_eq!((Instant::now(), moment(), now()), seen);
    assert_eq!(
        std::thread::spawn(|| pause(2 * MOMENT)).join().map(|()| time.passed()).expect("thread"),
        Duration::ZERO
    );
    let (mut asleep, mut late) = (sleep(HOUR), Box::pin(timeout(2 * HOUR, pending::<()>())));
    let sleeper = tokio::spawn(async { sleep_until(Instant::now() + HOUR).await });
    let mut timer = Timer::after(HOUR);
    tokio::task::yield_now().await;
    time.advance(HOUR - MOMENT);
    timer.restart(HOUR);
    tokio::task::yield_now().await;
    assert!((&mut asleep).now_or_never().is_none() && !sleeper.is_finished());
    time.advance(MOMENT);
    assert!((&mut asleep).now_or_never().is_some() && late.as_mut().now_or_never().is_none());
    sleeper.await.expect("it was woken");
    pause(HOUR - MOMENT);
    assert!((&mut timer).now_or_never().is_some(), "since it was started again");
    assert!(late.as_mut().now_or_never().is_none());
    time.advance(MOMENT);
    assert_eq!(late.as_mut().now_or_never(), Some(Err(Elapsed)));
    assert_eq!((seen.0.elapsed(), moment() - seen.1), (2 * HOUR, chrono::TimeDelta::hours(2)));
    tokio::join!(sleep(HOUR), sleep(3 * HOUR), async {
        time.awaited(HOUR).await;
        time.advance(HOUR);
        time.awaited(2 * HOUR).await;
        time.advance(2 * HOUR);
    });
    drop(time);
    assert!(seen.0.elapsed() < HOUR, "it goes on where it was");
    assert_eq!(timeout(MOMENT, sleep(HOUR)).await, Err(Elapsed));
}

#[test]
fn nobody_waits_and_all_happens_at_its_time() {
    let really = std::time::Instant::now();
    without_waiting(async |time| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let began = Instant::now();
        let tasks = [3, 1, 2].map(|hours| {
            let order = Arc::clone(&order);
            tokio::spawn(async move {
                sleep(hours * HOUR).await;
                order.lock().expect("a list").push((hours, began.elapsed()));
            })
        });
        // What nobody waits for any more moves nothing.
        drop(sleep(HOUR / 2));
        assert_eq!(timeout(HOUR / 4, sleep(HOUR / 4)).await, Ok(()), "done in time");
        assert_eq!(timeout_at(began + HOUR / 2, pending::<()>()).await, Err(Elapsed));
        assert_eq!(time.passed(), HOUR / 2);
        for task in tasks {
            task.await.expect("a task");
        }
        assert_eq!(*order.lock().expect("a list"), [1, 2, 3].map(|hours| (hours, hours * HOUR)));
        assert_eq!(time.passed(), 3 * HOUR);
    });
    assert!(really.elapsed() < Duration::from_secs(30), "{:?}", really.elapsed());
}
