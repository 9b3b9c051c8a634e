use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// An error as clients see it: RFC 9457 `application/problem+json`.
///
/// `field` names the path or query parameter or header at fault, `pointer` (RFC 6901) the place in a JSON
/// body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Parts {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    #[serde(serialize_with = "status_number")]
    status: StatusCode,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    #[serde(skip)]
    header: Option<(HeaderName, HeaderValue)>,
}

fn status_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem of `status`: `kind` is a word in kebab case that stays the same over releases, `detail` a
    /// sentence for this occurrence.
    #[must_use]
    pub fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        let kind = format!("urn:catena:problem:{kind}");
        Self(Box::new(Parts {
            kind,
            title,
            status,
            detail: detail.into(),
            field: None,
            pointer: None,
            header: None,
        }))
    }

    /// 400: a parameter or header has a value it may not have.
    #[must_use]
    pub fn parameter(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-parameter", "A parameter is not valid", detail)
            .field(field)
    }

    /// 400: the JSON body is not what the route takes; `pointer` says where, `""` is the whole.
    #[must_use]
    pub fn body(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "invalid-body", "The body is not valid", detail);
        problem.0.pointer = Some(pointer.into());
        problem
    }

    /// 413: more bytes than allowed.
    #[must_use]
    pub fn too_large(bytes_max: usize) -> Self {
        let detail = format!("at most {bytes_max} bytes are taken");
        let mut problem =
            Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail);
        problem.0.pointer = Some(String::new());
        problem
    }

    /// 404: nothing of that name.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    /// 415: a body of another type or coding than the route takes.
    #[must_use]
    pub fn unsupported(field: &str, detail: impl Into<String>) -> Self {
        let title = "The body's type is not supported";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title, detail).field(field)
    }

    /// 429: nothing was taken, the same request may succeed after `seconds`.
    #[must_use]
    pub fn overloaded(seconds: u32, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "overloaded", "Too much at once", detail)
            .header(header::RETRY_AFTER, seconds.into())
    }

    /// 503: something this needs is not there now.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now", detail)
            .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 500: our fault. `detail` goes to the client: keep secrets out of it.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed", detail)
    }

    /// Names the parameter or header at fault.
    #[must_use]
    pub fn field(mut self, field: &str) -> Self {
        self.0.field = Some(field.to_owned());
        self
    }

    /// Points (RFC 6901) to the place in the JSON body at fault.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.0.pointer = Some(pointer.into());
        self
    }

    /// 421: another process answers this; `detail` says which.
    #[must_use]
    pub fn misdirected(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", "Another process answers this", detail)
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Serialising texts and a number cannot fail; an empty body would still carry the status.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(body.into());
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.0.header {
            headers.insert(name, value);
        }
        response
    }
}
