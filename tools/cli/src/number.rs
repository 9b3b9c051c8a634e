//! Numbers on the command line.

/// Reads a whole number. Arguments read by it take negative numbers, so that they are told apart from misspelt options.
///
/// # Errors
/// What is asked for.
pub(crate) fn whole<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let number = text.parse::<u64>().ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| "must be a whole number that is neither negative nor too large".to_owned())
}
