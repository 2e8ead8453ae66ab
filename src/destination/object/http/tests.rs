use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use object_store::PutPayload;
use socket2::{Domain, Socket, Type};

use super::*;

/// An answer may take 2 seconds after the last byte of 8 MiB or more has been taken.
const SHORT: Limits = Limits {
    stall: Duration::from_millis(700),
    answer: Duration::from_secs(1),
    slowest_bytes_per_second: 8 << 20,
};
const MIB: usize = 1 << 20;
/// More than the kernel takes for a store that does not read: on the loopback, some MiB.
const BODY: usize = 16 * MIB;

/// A store that treats each connection so, with little room for what it has not read.
fn store(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    socket.set_recv_buffer_size(16 << 10).expect("buffer");
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("bind");
    socket.listen(16).expect("listen");
    let listener: std::net::TcpListener = socket.into();
    let port = listener.local_addr().expect("address").port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    format!("http://127.0.0.1:{port}")
}

/// Reads so many bytes at this rate; false at an early end.
fn take(stream: &mut TcpStream, bytes: usize, per_second: usize) -> bool {
    let (mut block, mut left) = (vec![0; 16 << 10], bytes);
    while left > 0 {
        match stream.read(&mut block) {
            Ok(0) | Err(_) => return false,
            Ok(read) => left = left.saturating_sub(read),
        }
        clock::pause(Duration::from_secs_f64(block.len() as f64 / per_second as f64));
    }
    true
}

fn http() -> (Arc<Http>, HttpClient) {
    let http = Arc::new(Http::with(SHORT));
    let client = http.connector().connect(&Http::options(true)).expect("client");
    (http, client)
}

async fn put(client: &HttpClient, url: &str, bytes: usize) -> Result<Bytes, HttpError> {
    let mut request = HttpRequest::new(PutPayload::from(vec![7; bytes]).into());
    *request.method_mut() = ::http::Method::PUT;
    *request.uri_mut() = url.parse().expect("a URL");
    client.execute(request).await?.into_body().bytes().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_on_steadily_is_waited_for() {
    let url = store(|mut stream| {
        if take(&mut stream, BODY, 3 * MIB) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let (http, client) = http();
    let begun = Instant::now();
    assert_eq!(put(&client, &url, BODY).await.expect("sent"), "ok");
    assert!(begun.elapsed() > SHORT.answer_to(BODY as u64), "{:?}", begun.elapsed());
    assert_eq!(http.lanes().width(), Arc::<Lanes>::default().width());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_still_is_given_up_and_fewer_are_sent_while_others_go_on() {
    let still = store(|mut stream| {
        take(&mut stream, 64 << 10, 1 << 30);
        clock::pause(Duration::from_secs(20));
    });
    let steady = store(|mut stream| {
        if take(&mut stream, BODY, 3 * MIB) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let (http, client) = http();
    // Alone, it may be the store.
    let _lanes = (http.lanes().enter().await, http.lanes().enter().await);
    let begun = Instant::now();
    let error = put(&client, &still, BODY).await.expect_err("stands still");
    assert_eq!(error.kind(), HttpErrorKind::Timeout);
    let refusal = super::super::problem::Refusal::of_transport(&error);
    assert!(refusal.is_late() && refusal.is_transient());
    let took = begun.elapsed();
    assert!(took > SHORT.stall && took < SHORT.stall * 3, "{took:?}");
    assert_eq!(http.lanes().width(), Arc::<Lanes>::default().width());
    let (moves, stands) = tokio::join!(put(&client, &steady, BODY), put(&client, &still, BODY));
    assert_eq!(moves.expect("sent"), "ok");
    stands.expect_err("stands still");
    assert_eq!(http.lanes().width(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_must_come_and_go_on() {
    let url = store(|mut stream| {
        take(&mut stream, MIB, 1 << 30);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf");
        clock::pause(Duration::from_secs(20));
        let _ = stream.shutdown(Shutdown::Both);
    });
    let (_, client) = http();
    let error = put(&client, &url, MIB).await.expect_err("half an answer");
    assert!(error.to_string().contains("no byte of the answer"), "{error}");
    let silent = store(|mut stream| {
        take(&mut stream, 8 * MIB, 1 << 30);
        clock::pause(Duration::from_secs(20));
    });
    let error = put(&client, &silent, MIB).await.expect_err("no answer");
    assert!(error.to_string().contains("no answer within 1 seconds"), "{error}");
}
