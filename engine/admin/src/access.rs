//! Who comes in. The token keeps out whoever does not know it; the checks of `Host` and of where a request
//! comes from keep web pages from using a browser that does (DNS rebinding, cross-site requests).

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serve::Problem;

use crate::Access;

/// Refuses requests without the token.
pub(crate) async fn token(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let given = text(request.headers(), "authorization").and_then(|value| value.strip_prefix("Bearer "));
    if given.is_some_and(|given| access.token.is(given.trim())) {
        return next.run(request).await;
    }
    let detail = "send `Authorization: Bearer …` with the token in `admin.token` of the node's data folder";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "The token is missing or wrong", detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
        .into_response()
}

/// Refuses requests under a name that is not ours, and changes that another site asks for.
pub(crate) async fn origin(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    match foreign(&access.hosts, request.method(), request.headers()) {
        None => next.run(request).await,
        Some((field, detail)) => {
            Problem::new(StatusCode::FORBIDDEN, "foreign-origin", "The request comes from elsewhere", detail)
                .field(field)
                .into_response()
        }
    }
}

/// Which header tells that a request is not meant for us, and why.
fn foreign(hosts: &[String], method: &Method, headers: &HeaderMap) -> Option<(&'static str, String)> {
    let host = text(headers, "host").unwrap_or_default();
    if !known(hosts, host) {
        return Some(("Host", format!("`{host}` is not a name of this node; `admin.hosts` lists more")));
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    match text(headers, "sec-fetch-site") {
        None | Some("same-origin" | "none") => {}
        Some(site) => return Some(("Sec-Fetch-Site", format!("`{site}` requests may not change anything"))),
    }
    let origin = text(headers, "origin")?;
    let same = origin.split_once("://").is_some_and(|(_, from)| from == host);
    (!same).then(|| ("Origin", format!("`{origin}` may not change anything")))
}

/// Whether `host` is `localhost`, an address (which nobody can rebind) or listed.
fn known(hosts: &[String], host: &str) -> bool {
    let Ok(uri) = host.parse::<Uri>() else { return false };
    let Some(name) = uri.host() else { return false };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: Method, pairs: &[(&'static str, &str)]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        foreign(&["ops.example".to_owned()], &method, &headers).map(|(field, _)| field)
    }

    #[test]
    fn only_our_names_are_answered() {
        for host in ["localhost", "LOCALHOST:8081", "127.0.0.1:8081", "[::1]:8081", "ops.example:443"] {
            assert_eq!(refused(Method::GET, &[("host", host)]), None, "{host}");
        }
        for host in
            ["evil.example", "evil.example:8081", "localhost.evil.example", "", "127.0.0.1.evil.example"]
        {
            assert_eq!(refused(Method::GET, &[("host", host)]), Some("Host"), "{host}");
        }
        assert_eq!(refused(Method::GET, &[]), Some("Host"));
    }

    #[test]
    fn other_sites_may_not_change_anything() {
        let host = ("host", "localhost:8081");
        let post = |more: &[(&'static str, &'static str)]| refused(Method::POST, &[&[host], more].concat());
        assert_eq!(post(&[]), None, "tools send neither");
        assert_eq!(post(&[("origin", "http://localhost:8081"), ("sec-fetch-site", "same-origin")]), None);
        assert_eq!(post(&[("origin", "http://evil.example")]), Some("Origin"));
        assert_eq!(post(&[("origin", "http://localhost:9999")]), Some("Origin"));
        assert_eq!(post(&[("origin", "null")]), Some("Origin"));
        assert_eq!(post(&[("sec-fetch-site", "cross-site")]), Some("Sec-Fetch-Site"));
        assert_eq!(refused(Method::GET, &[host, ("origin", "http://evil.example")]), None);
    }
}
