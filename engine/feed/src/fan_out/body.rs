use bytes::Bytes;
use relations::PostId;

use crate::members::{Members, quoted};

/// The body a processor left, with the `id` and `actor` of its post and without a `sequence`: unchanged where
/// that is so already.
pub(super) fn belonging_to(post: PostId, body: Bytes) -> Result<Bytes, String> {
    let members: Members<'_> = serde_json::from_slice(&body)
        .map_err(|error| format!("what the chain made of it is not a JSON object: {error}"))?;
    let (id, actor) = (quoted(&post.to_string()), quoted(&post.author.to_string()));
    let only = |name: &str, value: &str| {
        let mut found = members.under(name);
        found.next().is_some_and(|found| found.get() == value) && found.next().is_none()
    };
    if only("id", &id) && only("actor", &actor) && members.under("sequence").next().is_none() {
        return Ok(body);
    }
    let mut out = format!("{{\"id\":{id},\"actor\":{actor}");
    members.write(&["id", "actor", "sequence"], &mut out);
    out.push('}');
    Ok(out.into())
}
