//! The same filter as `fields`, without the SDK: a component of the world `processor`, as other toolchains make them.

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::indexing_slicing)]
mod component {
    use std::borrow::Cow;

    use catena::processor::types::Verdict;
    use serde::Deserialize;

    wit_bindgen::generate!({ path: "../../../../wit", world: "processor" });

    #[derive(Deserialize)]
    struct Post<'a> {
        #[serde(borrow)]
        actor: Cow<'a, str>,
        #[serde(borrow)]
        lang: Cow<'a, str>,
    }

    struct Fields;

    impl Guest for Fields {
        fn process(message: Message) -> Result<Outcome, Failure> {
            let post: Post<'_> =
                serde_json::from_slice(&message.body).map_err(|e| Failure::Reject(e.to_string()))?;
            let verdict = if post.actor.is_empty() || post.lang == "xx" {
                Verdict::Term("not wanted".to_owned())
            } else {
                Verdict::Next
            };
            Ok(Outcome { verdict, body: None, headers: None })
        }
    }

    export!(Fields);
}
