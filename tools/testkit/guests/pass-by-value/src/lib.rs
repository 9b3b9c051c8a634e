//! Hands every message on, without the SDK: a component of the world `processor`, as other toolchains make them.

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::indexing_slicing)]
mod component {
    wit_bindgen::generate!({ path: "../../../../wit", world: "processor" });

    struct Pass;

    impl Guest for Pass {
        fn process(_: Message) -> Result<Outcome, Failure> {
            Ok(Outcome { verdict: catena::processor::types::Verdict::Next, body: None, headers: None })
        }
    }

    export!(Pass);
}
