//! The console: a page in the binary, which asks the routes beside it for what it shows. It holds no data, so it
//! needs no token.

use axum::response::{IntoResponse, Response};
use http::header;

const INDEX: &str = include_str!("../page/index.html");
const SCRIPT: &str = include_str!("../page/console.js");
const STYLE: &str = include_str!("../page/console.css");
const ICON: &str = include_str!("../page/favicon.svg");

pub(crate) async fn index() -> Response {
    file("text/html; charset=utf-8", INDEX)
}

pub(crate) async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT)
}

pub(crate) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn icon() -> Response {
    file("image/svg+xml", ICON)
}

fn file(media: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 4] = [INDEX, SCRIPT, STYLE, ICON];

    #[test]
    fn the_page_asks_for_nothing_but_its_own_files() {
        for marker in ["src=\"", "href=\""] {
            for (at, _) in INDEX.match_indices(marker) {
                let path = INDEX[at + marker.len()..].split('"').next().unwrap();
                assert!(["/console.js", "/console.css", "/favicon.svg"].contains(&path), "{path}");
            }
        }
        for file in FILES {
            // The icon's name space is a name, not a reference.
            assert!(!file.replace("http://www.w3.org/2000/svg", "").contains("://"), "{file}");
        }
    }

    #[test]
    fn nothing_is_written_into_the_page_as_markup_and_nothing_is_inline() {
        for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(FILES.iter().all(|file| !file.contains(forbidden)), "{forbidden}");
        }
        assert!(!INDEX.contains("style=") && !INDEX.contains("<style"));
        assert!(!INDEX.split_whitespace().any(|word| word.starts_with("on") && word.contains('=')));
        assert_eq!(INDEX.matches("<script").count(), 1);
    }
}
