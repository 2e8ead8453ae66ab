//! Leases in a store in memory. It stamps objects with the real time, which is ours when time begins to be held.

use object_store::ObjectStore as _;
use object_store::client::{HttpConnector, HttpRequest};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::memory::InMemory;
use tokio::task::JoinSet;

use super::super::problem::Remedies;
use super::super::{Authorize, Http, Pending, Place, Uploads};
use super::*;

const WORDS: Remedies =
    Remedies { bucket: "", credentials: "", endpoint: "", rights: "", steps: &[], wants: &[] };
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Authorize for Nobody {
    async fn authorize(&self, _: &mut HttpRequest) -> object_store::Result<()> {
        Ok(())
    }

    async fn sign_again(&self, _: &mut HttpRequest) -> object_store::Result<()> {
        Ok(())
    }
}

/// One process' view of `store`. Requests that object_store does not have go nowhere.
fn inner(store: &Arc<InMemory>) -> Arc<Inner> {
    let http = Arc::new(Http::default());
    let client = http.connector().connect(&Http::options(true)).expect("client");
    let place = Place {
        location: "memory".into(),
        bucket: "http://127.0.0.1:9".into(),
        contact: "",
        base: String::new(),
        pending: Pending::Listed,
        replaces_freely: true,
        plain: true,
        words: &WORDS,
    };
    Arc::new(Inner {
        objects: Arc::<InMemory>::clone(store),
        uploads: Uploads(Arc::<InMemory>::clone(store)),
        place,
        http,
        client,
        authorize: Arc::new(Nobody),
        background: std::sync::Mutex::new(JoinSet::new()),
        held: std::sync::Mutex::default(),
    })
}

/// Only object_store's text tells it.
#[tokio::test]
async fn a_condition_that_needs_a_version_which_the_store_does_not_give_is_unsupported() {
    let store = GoogleCloudStorageBuilder::new().with_bucket_name("b").with_skip_signature(true).build();
    let mode = PutMode::Update(UpdateVersion { e_tag: Some("1".into()), version: None });
    let options = PutOptions { mode, ..PutOptions::default() };
    let refused = store.expect("a store").put_opts(&"k".into(), "x".into(), options).await;
    assert!(is_unsupported(&refused.expect_err("no version")));
    let other = object_store::Error::Generic { store: "GCS", source: "busy".into() };
    assert!(!is_unsupported(&other));
}

#[test]
fn the_lock_of_a_run_that_is_gone_is_taken_over_when_its_lease_is() {
    clock::without_waiting(async |time| {
        let store = Arc::new(InMemory::new());
        let gone = Lease::take(inner(&store), "t", "gone").await.expect("free");
        gone.renewing.abort();
        assert_eq!(time.passed(), Duration::ZERO, "a lock that nobody has is not waited for");
        let next = Lease::take(inner(&store), "t", "next").await.expect("taken over");
        let whole = LEASE + GRACE;
        // The age is that of the store's clock, which went on by the milliseconds of this test.
        assert!(
            time.passed() + SECOND > whole && time.passed() <= whole + LONGEST_PAUSE,
            "{:?}",
            time.passed()
        );
        let error = gone.check().await.expect_err("it is another's").to_string();
        assert!(error.contains("lost to another run"), "{error}");
        next.check().await.expect("its own");
    });
}

#[test]
fn the_lock_of_a_run_that_lives_is_left_to_it_at_the_first_sign() {
    clock::without_waiting(async |time| {
        let store = Arc::new(InMemory::new());
        let lives = Lease::take(inner(&store), "t", "lives").await.expect("free");
        let error = Lease::take(inner(&store), "t", "next").await.expect_err("taken").to_string();
        assert!(error.contains("run lives, which holds its lock"), "{error}");
        assert!(time.passed() >= RENEW && time.passed() <= RENEW + LONGEST_PAUSE, "{:?}", time.passed());
        // However long it takes.
        clock::sleep(LEASE * 100).await;
        lives.check().await.expect("still its own");
    });
}
