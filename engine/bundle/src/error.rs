use std::path::PathBuf;

use thiserror::Error;

/// What can be wrong with a bundle, or with the runtime itself. Each sentence says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine could not be set up on this machine.
    #[error(
        "failed to start the WebAssembly engine: {reason}; if it is short of address space, lower the number of instances"
    )]
    Engine {
        /// What wasmtime said.
        reason: String,
    },
    /// A file or folder of the code cache could not be used.
    #[error("failed to use `{}` for compiled code", path.display())]
    CodeFolder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The operating system gave no random bytes for the cache key.
    #[error("failed to draw a key for the code cache: {reason}")]
    Key {
        /// What the system said.
        reason: String,
    },

    /// More than this host loads.
    #[error(
        "the file has {bytes} bytes, a bundle has at most {bytes_max}: build it in release mode and strip it"
    )]
    TooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// Something else altogether.
    #[error(
        "this is not WebAssembly (it does not begin with `\\0asm`): put bundles made by `catena build` here"
    )]
    NotWasm,
    /// A module as compilers write it, not yet a component.
    #[error("this is a core module; make it a component with `catena build`")]
    CoreModule,
    /// A binary of some other layer or age.
    #[error(
        "this is WebAssembly of an unknown sort (version {version}): build it with the `catena build` of this release"
    )]
    UnknownEncoding {
        /// The four bytes after the magic, as a number.
        version: u32,
    },
    /// It ends too early: still being copied, or cut.
    #[error(
        "the file ends in the middle (at byte {at}): it is still being written or was cut short; copy it again"
    )]
    CutShort {
        /// Where it ends.
        at: u64,
    },
    /// Not a valid component for this host.
    #[error("this is not a valid component: {reason} (at byte {at}); build it again with `catena build`")]
    Invalid {
        /// What the validator said.
        reason: String,
        /// Where.
        at: u64,
    },
    /// One function so large that compiling it would take minutes.
    #[error("one of its functions has {bytes} bytes of code, at most {bytes_max}: split it up")]
    FunctionTooLarge {
        /// Bytes of the function.
        bytes: u64,
        /// Bytes allowed.
        bytes_max: u64,
    },
    /// A component, but not a processor.
    #[error(
        "this component is no processor: it exports {exports}, and neither `process` of catena:processor@1.0 nor `process-batch` with \
         `configure` and `reads`, in the types those have there: build it again, against the `wit/` of this release or with its \
         `catena build`"
    )]
    NotAProcessor {
        /// What it exports instead.
        exports: String,
    },

    /// The standard metadata sections could not be read.
    #[error("failed to read its metadata: {reason}; build it again with `catena build`")]
    Metadata {
        /// What is wrong.
        reason: String,
    },
    /// A field every bundle must carry is missing.
    #[error(
        "it does not say its {field}: build it with `catena build`, or write it with `wasm-tools metadata add --{field} …`"
    )]
    Unlabelled {
        /// `name` or `version`.
        field: &'static str,
    },
    /// The name in the metadata cannot be one.
    #[error("its name cannot be used: {source}")]
    BadName {
        /// What is wrong with it.
        source: model::InvalidName,
    },
    /// The version in the metadata is none.
    #[error("its version `{given}` is not a semantic version: write three numbers, as in 1.2.0")]
    BadVersion {
        /// What it says.
        given: String,
    },

    /// A core module that cannot be made a component.
    #[error("failed to make a component: {reason}")]
    Package {
        /// What is wrong, and what to do where that is known.
        reason: String,
    },
}
