use axum::body::Body;
use http::{Request, StatusCode};

use crate::support::{Plane, TOKEN};

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn everything_but_the_page_needs_the_token() {
    let plane = Plane::new().await;
    let (right, wrong) = (format!("Bearer {TOKEN}"), format!("Bearer {}", TOKEN.replace('f', "e")));
    for path in
        ["/v1/status", "/v1/chains/feed", "/v1/receipts/events", "/v1/dlq", "/v1/streams/posts/0/messages"]
    {
        for headers in [&[][..], &[("authorization", wrong.as_str())], &[("authorization", TOKEN)]] {
            let answer = plane.send(request("GET", path, headers)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {headers:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    for path in ["/v1/dlq/1/replay", "/v1/streams/posts/messages"] {
        assert_eq!(plane.send(request("POST", path, &[])).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let answer = plane.send(request("GET", "/v1/status", &[("authorization", &right)])).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn the_page_is_open_and_every_answer_keeps_browsers_in() {
    let plane = Plane::new().await;
    for (path, media, holds) in [
        ("/", "text/html; charset=utf-8", "/console.js"),
        ("/console.js", "text/javascript; charset=utf-8", "/v1/dlq"),
        ("/console.css", "text/css; charset=utf-8", "prefers-color-scheme: dark"),
        ("/favicon.svg", "image/svg+xml", "<svg"),
        ("/v1/status", "application/problem+json", "token"),
        ("/nowhere", "application/problem+json", "/nowhere"),
    ] {
        let answer = plane.send(request("GET", path, &[])).await;
        assert_eq!(answer.headers["content-type"], media, "{path}");
        assert!(answer.text.contains(holds), "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self';"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn requests_under_a_foreign_name_or_from_another_site_are_refused() {
    let plane = Plane::new().await;
    let bearer = format!("Bearer {TOKEN}");
    let authorised = ("authorization", bearer.as_str());
    for path in ["/", "/v1/status"] {
        for (host, status) in [
            ("evil.example", StatusCode::FORBIDDEN),
            ("localhost.evil.example:8081", StatusCode::FORBIDDEN),
            ("ops.example", StatusCode::OK),
            ("[::1]:8081", StatusCode::OK),
        ] {
            let answer = plane.send(request("GET", path, &[authorised, ("host", host)])).await;
            assert_eq!(answer.status, status, "{path} {host}");
        }
    }
    for (header, status) in [
        (("origin", "http://evil.example"), StatusCode::FORBIDDEN),
        (("origin", "http://localhost:9999"), StatusCode::FORBIDDEN),
        (("origin", "null"), StatusCode::FORBIDDEN),
        (("sec-fetch-site", "cross-site"), StatusCode::FORBIDDEN),
        (("sec-fetch-site", "same-site"), StatusCode::FORBIDDEN),
        (("origin", "http://localhost:8081"), StatusCode::NOT_FOUND),
        (("sec-fetch-site", "same-origin"), StatusCode::NOT_FOUND),
    ] {
        let answer = plane.send(request("POST", "/v1/dlq/9/replay", &[authorised, header])).await;
        assert_eq!(answer.status, status, "{header:?}");
    }
}
