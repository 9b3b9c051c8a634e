use axum::response::{IntoResponse, Response};
use http::header;

/// The data plane's description, written by hand; a test holds it to the routes.
const DOCUMENT: &str = include_str!("../openapi.json");

/// `GET /openapi.json`.
pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Asserts that exactly these paths and methods are described, each with its parameters and answers.
    pub(crate) fn describes(routes: &[(&str, &[&str])]) {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                described.insert((path.clone(), method.clone()));
                let told: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
                let told: Vec<_> =
                    told.into_iter().map(|p| resolved(&document, p)["name"].as_str().unwrap()).collect();
                for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                    assert!(told.contains(&part), "{method} {path} does not describe {part}");
                }
                assert!(operation["operationId"].is_string() && operation["summary"].is_string());
                for answer in operation["responses"].as_object().unwrap().values() {
                    assert!(resolved(&document, answer)["description"].is_string());
                }
            }
        }
        let routes = routes.iter().flat_map(|(path, methods)| {
            methods.iter().map(|method| ((*path).to_owned(), (*method).to_owned()))
        });
        assert_eq!(described, routes.collect());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(document: &Value, value: &Value) {
            resolved(document, value);
            match value {
                Value::Object(members) => members.values().for_each(|member| walk(document, member)),
                Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
                _ => {}
            }
        }
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        walk(&document, &document);
    }

    fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return value };
        document
            .pointer(reference.strip_prefix('#').unwrap())
            .unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }
}
