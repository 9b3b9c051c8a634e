//! One filter as an Extism plugin: reads two fields of a post and says whether it goes on.
#![cfg(target_family = "wasm")]

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
struct Post<'a> {
    #[serde(borrow)]
    actor: Cow<'a, str>,
    #[serde(borrow)]
    lang: Cow<'a, str>,
}

/// Answers 0 where the post goes on. The plain export, without the macro, which would copy more.
#[unsafe(no_mangle)]
pub extern "C" fn filter() -> i32 {
    let body = extism_pdk::input_bytes();
    match serde_json::from_slice::<Post<'_>>(&body) {
        Ok(post) if !post.actor.is_empty() && post.lang != "xx" => 0,
        _ => 1,
    }
}
