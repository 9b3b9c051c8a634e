//! Counts and times requests, by route and by the first digit of the status. The handles are looked up once.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::MethodRouter,
};
use metrics::{Counter, Histogram, counter, histogram};

/// Requests answered. Labels: `route`, `status` (`2xx` …).
const REQUESTS_TOTAL: &str = "catena_gateway_requests_total";
/// Time from the end of a request's head to the beginning of its answer. Label: `route`.
const REQUEST_SECONDS: &str = "catena_gateway_request_seconds";

struct Meter {
    by_status: [Counter; 5],
    seconds: Histogram,
}

/// `methods`, counted and timed under `route`.
pub(crate) fn metered<S: Clone + Send + Sync + 'static>(
    route: &'static str,
    methods: MethodRouter<S>,
) -> MethodRouter<S> {
    let by_status = ["1xx", "2xx", "3xx", "4xx", "5xx"]
        .map(|status| counter!(REQUESTS_TOTAL, "route" => route, "status" => status));
    let meter = Meter { by_status, seconds: histogram!(REQUEST_SECONDS, "route" => route) };
    methods.layer(from_fn_with_state(Arc::new(meter), measure))
}

async fn measure(State(meter): State<Arc<Meter>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let response = next.run(request).await;
    meter.seconds.record(begun.elapsed());
    let class = usize::from(response.status().as_u16() / 100);
    if let Some(counter) = class.checked_sub(1).and_then(|class| meter.by_status.get(class)) {
        counter.increment(1);
    }
    response
}
