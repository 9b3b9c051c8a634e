//! The planted bug [`Fault::NoGenerationPin`](crate::Fault): processors that look up, at each call, which
//! bundle is live in their step by then. Nothing of it is there unless a test asks.

use std::{collections::HashMap, sync::Arc};

use model::{Call, Catalog, Fault, Headers, Message, Name, Outcome, Processor, Refusal, Resolved, Wanted};
use parking_lot::{Mutex, RwLock};

/// Where the wandering processors say what really ran, since the plan no longer knows.
const RAN_HEADER: &str = "catena-ran";

/// A chain's step, and what would run there.
pub(crate) type Wanderer = ((Name, Name), Resolved);

/// (Chain, step) → what is live there now.
pub(crate) type Current = Arc<RwLock<HashMap<(Name, Name), Resolved>>>;

/// A catalog whose processors do not stay with their plan.
pub(crate) struct Unpinned {
    inner: Arc<dyn Catalog>,
    chain: Name,
    current: Current,
    resolved: Mutex<Vec<(Name, Resolved)>>,
}

impl Unpinned {
    pub(crate) fn new(inner: Arc<dyn Catalog>, chain: Name, current: Current) -> Self {
        Self { inner, chain, current, resolved: Mutex::default() }
    }

    /// What was resolved, to be put into `current` once the chain is live.
    pub(crate) fn into_wanderers(self) -> Vec<Wanderer> {
        let chain = self.chain;
        self.resolved.into_inner().into_iter().map(|(step, own)| ((chain.clone(), step), own)).collect()
    }
}

impl Catalog for Unpinned {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let own = self.inner.resolve(wanted)?;
        self.resolved.lock().push((wanted.step.clone(), own.clone()));
        let place = (self.chain.clone(), wanted.step.clone());
        let bundle = own.bundle.clone();
        let wandering = Wandering { own, place, current: Arc::clone(&self.current) };
        Ok(Resolved { bundle, processor: Arc::new(wandering) })
    }
}

struct Wandering {
    own: Resolved,
    place: (Name, Name),
    current: Current,
}

impl Processor for Wandering {
    fn process(&self, message: &Message, call: &mut Call) -> Result<Outcome, Fault> {
        let now = self.current.read().get(&self.place).cloned().unwrap_or_else(|| self.own.clone());
        let mut outcome = now.processor.process(message, call)?;
        let mut headers = outcome.headers.take().unwrap_or_else(|| message.headers.clone());
        headers.0.push((RAN_HEADER.to_owned(), format!("{}@{}", self.place.1, now.bundle.version)));
        outcome.headers = Some(headers);
        Ok(outcome)
    }
}

/// The trace as the wandering processors left it.
pub(crate) fn observed(headers: &Headers) -> String {
    let ran: Vec<_> =
        headers.0.iter().filter(|(name, _)| name == RAN_HEADER).map(|(_, v)| v.as_str()).collect();
    ran.join(",")
}
