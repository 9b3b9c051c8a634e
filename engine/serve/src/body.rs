use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::future::Either;
use http::{HeaderMap, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::Instant;

use crate::Problem;

/// Bytes a request body may have; of a stream of lines, each line.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes read past a limit, so that the client gets to read why.
const REST_BYTES_MAX: usize = 4 << 20;

/// How long a whole body, or the next part of a stream of lines, may take to arrive.
pub(crate) const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// Reads a whole body of at most `bytes_max`.
///
/// # Errors
/// 413 as soon as it is known to be larger, 408 when it takes longer than 30 s, 400 when the client
/// broke off.
pub async fn collect(mut body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > (bytes_max + REST_BYTES_MAX) as u64 {
        return Err(Problem::too_large(bytes_max));
    }
    let deadline = Instant::now() + BODY_TIME_MAX;
    let Some(first) = next(&mut body, deadline).await? else { return Ok(Bytes::new()) };
    // Most bodies arrive whole: hand them on as they are.
    let Some(second) = next(&mut body, deadline).await? else {
        return if first.len() > bytes_max { Err(Problem::too_large(bytes_max)) } else { Ok(first) };
    };
    let mut whole = BytesMut::with_capacity(first.len() + second.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    loop {
        if whole.len() > bytes_max {
            // A client that is still sending would meet a closed connection and never read the answer: a bounded
            // rest is taken and forgotten.
            let mut spared = REST_BYTES_MAX;
            while let Ok(Some(more)) = next(&mut body, deadline).await
                && spared > 0
            {
                spared = spared.saturating_sub(more.len());
            }
            return Err(Problem::too_large(bytes_max));
        }
        match next(&mut body, deadline).await? {
            Some(more) => whole.extend_from_slice(&more),
            None => return Ok(whole.freeze()),
        }
    }
}

/// The next data of a body; `None` at its end.
pub(crate) async fn next(body: &mut Body, deadline: Instant) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = std::pin::pin!(body.frame());
        let late = std::pin::pin!(tokio::time::sleep_until(deadline));
        match futures::future::select(frame, late).await {
            Either::Left((None, _)) => return Ok(None),
            Either::Left((Some(Ok(frame)), _)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Either::Left((Some(Err(error)), _)) => {
                return Err(Problem::body("", format!("failed to read the body: {error}")));
            }
            Either::Right(_) => return Err(late_body()),
        }
    }
}

fn late_body() -> Problem {
    let detail = format!("no more of the body arrived within {} s", BODY_TIME_MAX.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The body took too long", detail)
}

/// Whether the request says its body is `media`; parameters such as `charset=utf-8` are ignored.
#[must_use]
pub fn content_type_is(headers: &HeaderMap, media: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split_once(';').map_or(given, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case(media)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[&'static str]) -> Body {
        let frames: Vec<Result<_, std::io::Error>> =
            parts.iter().map(|part| Ok(Bytes::from(*part))).collect();
        Body::from_stream(futures::stream::iter(frames))
    }

    #[tokio::test]
    async fn bodies_in_parts_are_joined_up_to_the_limit() {
        assert_eq!(collect(Body::empty(), 4).await.unwrap(), "");
        assert_eq!(collect(parts(&["ab"]), 4).await.unwrap(), "ab");
        assert_eq!(collect(parts(&["ab", "c", "d"]), 4).await.unwrap(), "abcd");
        for large in [parts(&["abcde"]), parts(&["ab", "cd", "e"]), Body::from("abcde")] {
            assert_eq!(collect(large, 4).await.unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_arriving_is_given_up() {
        let stuck = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(collect(stuck, 4).await.unwrap_err().status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[test]
    fn parameters_of_a_content_type_do_not_matter() {
        let mut headers = HeaderMap::new();
        assert!(!content_type_is(&headers, "application/json"));
        for (value, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/jsonp", false),
            ("text/plain", false),
        ] {
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            assert_eq!(content_type_is(&headers, "application/json"), json, "{value}");
        }
    }
}
