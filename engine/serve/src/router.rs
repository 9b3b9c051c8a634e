use axum::{
    Router, extract::Request, middleware, middleware::Next, response::IntoResponse, response::Response,
};
use http::{Method, StatusCode, Uri, header};

use crate::Problem;

/// Completes a plane's routes: unknown paths and wrong methods are answered with problems, and so are
/// compressed bodies, which nothing here unpacks.
pub fn close(routes: Router) -> Router {
    routes.fallback(unknown).method_not_allowed_fallback(wrong_method).layer(middleware::from_fn(plain_only))
}

async fn unknown(uri: Uri) -> Problem {
    Problem::not_found(format!("no route is called `{}`", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    // The router adds `Allow`.
    let detail = format!("`{}` does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed", detail)
}

async fn plain_only(request: Request, next: Next) -> Response {
    match request.headers().get(header::CONTENT_ENCODING) {
        Some(coding) if coding != "identity" => {
            Problem::unsupported("Content-Encoding", "send the body uncompressed").into_response()
        }
        _ => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn answer(method: &str, path: &str, coding: &str) -> (StatusCode, http::HeaderMap, String) {
        let router = close(Router::new().route("/here", get(async || "here").post(async || "post")));
        let request = Request::builder().method(method).uri(path).header("content-encoding", coding);
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_no_route_takes_is_a_problem() {
        assert_eq!(answer("GET", "/here", "identity").await.0, StatusCode::OK);
        assert_eq!(answer("POST", "/here", "gzip").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let (status, headers, body) = answer("GET", "/there", "identity").await;
        assert_eq!(
            (status, &headers["content-type"]),
            (StatusCode::NOT_FOUND, &"application/problem+json".parse().unwrap())
        );
        assert!(body.contains("`/there`") && body.contains("urn:catena:problem:not-found"), "{body}");
        let (status, headers, _) = answer("DELETE", "/here", "identity").await;
        assert_eq!(
            (status, headers["allow"].to_str().unwrap()),
            (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD,POST")
        );
    }
}
