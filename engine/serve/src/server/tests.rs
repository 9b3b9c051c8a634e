use std::time::Duration;

use axum::routing::get;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
};

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn serve(options: Options, router: Router) -> (SocketAddr, Serving) {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), options).await.unwrap();
    (server.address(), server.start("test", router))
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

/// Sends `request` and answers what came back until the server closed.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request).await.unwrap();
    read_to_end(&mut socket).await
}

async fn read_to_end(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is as good an end as any.
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn garbage_is_refused_and_the_next_client_is_served() {
    let (address, serving) = serve(Options::default(), hello()).await;
    assert!(exchange(address, b"\x16\x03\x01 not http at all\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    let head = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(65));
    assert!(exchange(address, head.as_bytes()).await.starts_with("HTTP/1.1 431"));
    assert!(exchange(address, GET).await.ends_with("hello"));
    serving.stop().await;
}

#[tokio::test]
async fn a_client_that_has_said_everything_still_gets_its_answer() {
    let slow = async || {
        tokio::task::yield_now().await;
        "hello"
    };
    let (address, serving) = serve(Options::default(), Router::new().route("/", get(slow))).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    socket.shutdown().await.unwrap();
    assert!(read_to_end(&mut socket).await.ends_with("hello"));
    serving.stop().await;
}

#[tokio::test]
async fn silent_clients_are_closed_and_make_room_when_the_server_is_full() {
    let options = Options { connections_max: 2, ..Options::default() };
    let (address, serving) = serve(options, hello()).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    // Two bytes tell that the second one is known to the server, which makes the first the oldest.
    second.write_all(b"GE").await.unwrap();
    assert!(exchange(address, GET).await.ends_with("hello"));
    let gone = async {
        tokio::select! { _ = read_to_end(&mut first) => {}, _ = read_to_end(&mut second) => {} }
    };
    gone.await;
    serving.stop().await;

    let options = Options { first_byte: Duration::ZERO, ..Options::default() };
    let (address, serving) = serve(options, hello()).await;
    assert_eq!(exchange(address, b"").await, "");
    serving.stop().await;
}

#[tokio::test]
async fn a_flood_of_slow_clients_shuts_nobody_out() {
    let options = Options { connections_max: 50, ..Options::default() };
    let router = hello().route("/body", axum::routing::post(async |body: String| body));
    let (address, serving) = serve(options, router).await;
    let mut flood = Vec::new();
    for begun in [&b""[..], b"GET / HT"].repeat(50) {
        let mut socket = TcpStream::connect(address).await.unwrap();
        // Those that made room for others are gone already.
        let _ = socket.write_all(begun).await;
        flood.push(socket);
    }
    let head = b"POST /body HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    for _ in 0..60 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let _ = socket.write_all(head).await;
        // The `100 Continue` tells that somebody waits for the body.
        let _ = socket.read(&mut [0; 64]).await;
        flood.push(socket);
    }
    for _ in 0..100 {
        assert!(exchange(address, GET).await.ends_with("hello"));
    }
    drop(flood);
    serving.stop().await;
}

#[tokio::test]
async fn a_bulk_upload_at_work_gives_its_place_to_nobody() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (say, wait) = (begun.clone(), go.clone());
    let bulk = async move |request: axum::extract::Request| {
        let (head, body) = request.into_parts();
        let mut lines = crate::Lines::new(&head.extensions, body);
        let mut taken = 0;
        loop {
            let batch = lines.batch(9, 99).await.unwrap();
            if batch.is_empty() {
                return format!("{taken} taken");
            }
            taken += batch.len();
            say.notify_one();
            wait.notified().await;
        }
    };
    let options = Options { connections_max: 1, ..Options::default() };
    let (address, serving) = serve(options, Router::new().route("/", axum::routing::post(bulk))).await;
    let mut upload = TcpStream::connect(address).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\na\n";
    upload.write_all(head).await.unwrap();
    begun.notified().await;
    assert_eq!(exchange(address, GET).await, "", "the one place is at work");
    upload.write_all(b"b\n").await.unwrap();
    go.notify_one();
    begun.notified().await;
    go.notify_one();
    assert!(read_to_end(&mut upload).await.ends_with("2 taken"));
    serving.stop().await;
}

#[tokio::test]
async fn a_stop_lets_the_request_in_flight_finish_and_takes_no_other() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (say, wait) = (begun.clone(), go.clone());
    let slow = async move || {
        say.notify_one();
        wait.notified().await;
        "finished"
    };
    let (address, serving) = serve(Options::default(), Router::new().route("/", get(slow))).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    let request = tokio::spawn(async move { exchange(address, GET).await });
    begun.notified().await;
    let stopping = tokio::spawn(serving.stop());
    assert_eq!(read_to_end(&mut idle).await, "", "an idle connection is closed at once");
    assert!(TcpStream::connect(address).await.is_err(), "the listener is closed");
    assert!(!stopping.is_finished());
    go.notify_one();
    assert!(request.await.unwrap().ends_with("finished"));
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_request_that_never_finishes_is_cut_off_after_the_drain_time() {
    let begun = Arc::new(Notify::new());
    let say = begun.clone();
    let stuck = async move || {
        say.notify_one();
        std::future::pending::<()>().await;
    };
    let options = Options { drain: Duration::ZERO, ..Options::default() };
    let (address, serving) = serve(options, Router::new().route("/", get(stuck))).await;
    let request = tokio::spawn(async move { exchange(address, GET).await });
    begun.notified().await;
    serving.stop().await;
    assert_eq!(request.await.unwrap(), "");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let (address, _serving) = serve(Options::default(), hello()).await;
    let error = Server::bind(address, Options::default()).await.unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
