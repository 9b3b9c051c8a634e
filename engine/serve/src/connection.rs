//! One connection, from its first byte to its end.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, body::Body};
use http::Request;
use http_body::{Frame, SizeHint};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::{
    io::Watched,
    watch::{Phase, Place, Watch},
};

/// Bytes of a request's head, and of what is read ahead.
const BUFFER_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 64;

/// How a server tells its connections to end.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    /// Finish the request in flight, take no other.
    pub(crate) drain: CancellationToken,
    /// Close now.
    pub(crate) abort: CancellationToken,
}

/// Serves requests from `socket` until the client leaves, is overdue, or the server ends.
pub(crate) async fn serve<S>(socket: S, place: Place, router: Router, ends: Ends)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = place.watch.clone();
    let service = service_fn(|mut request: Request<Incoming>| {
        watch.enter(Phase::Serving);
        request.extensions_mut().insert(Work(watch.clone()));
        let served = Served(watch.clone());
        let answer =
            router.clone().call(request.map(|body| Body::new(Receiving { body, watch: watch.clone() })));
        async move {
            Ok::<_, Infallible>(
                answer.await.unwrap_or_else(|never| match never {}).map(|body| Tracked { body, served }),
            )
        }
    });
    let io = TokioIo::new(Watched::new(socket, place.watch.clone()));
    let mut http = http1::Builder::new();
    // The watch has the timeouts.
    // A client that has said all it has to say may close its side and still read the answer.
    http.header_read_timeout(None).half_close(true).max_buf_size(BUFFER_BYTES_MAX).max_headers(HEADERS_MAX);
    let mut connection = std::pin::pin!(http.serve_connection(io, service));
    let ended = tokio::select! {
        biased;
        () = place.watch.closing.cancelled() => return,
        () = ends.abort.cancelled() => return,
        ended = connection.as_mut() => ended,
        () = ends.drain.cancelled() => {
            if !place.watch.busy() {
                return;
            }
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                () = place.watch.closing.cancelled() => return,
                () = ends.abort.cancelled() => return,
                ended = connection.as_mut() => ended,
            }
        }
    };
    if let Err(error) = ended {
        // Garbage, or a client that left in the middle: its own business.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The work on a request, for whoever looks at its body without waiting for it.
#[derive(Clone)]
pub(crate) struct Work(Arc<Watch>);

impl Work {
    /// Takes back that the work waits for more of the body, as the last look at it had said.
    pub(crate) fn goes_on(&self) {
        self.0.body_waits(false);
    }
}

/// A request's body that tells when the work waits for more of it.
struct Receiving {
    body: Incoming,
    watch: Arc<Watch>,
}

impl http_body::Body for Receiving {
    type Data = bytes::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.watch.body_waits(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Marks the connection idle once the answer, body and all, has been handed to the socket.
struct Served(Arc<Watch>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}

pin_project! {
    /// An answer's body that keeps its connection in the serving phase for as long as it lives.
    struct Tracked {
        #[pin]
        body: Body,
        served: Served,
    }
}

impl http_body::Body for Tracked {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
