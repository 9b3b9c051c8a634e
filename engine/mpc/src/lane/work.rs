use std::{sync::Arc, time::Instant};

use bus::{Settle, Stored};

use super::lot::Weigh;
use super::seen::Mark;
use crate::generation::{Ending, Live, Pin};

/// A message in hand: received, not settled.
pub(super) struct Work {
    /// The message and its place, with its own id.
    pub(super) stored: Stored,
    pub(super) settle: Settle,
    /// What it is recognised by when it is published again, where the lane has to see to that.
    pub(super) mark: Option<Mark>,
    pub(super) way: Way,
    /// How often it failed under the plan it is on.
    pub(super) failures: u32,
    /// Since when.
    pub(super) failing: Option<Instant>,
}

/// How a message goes.
pub(super) enum Way {
    /// Through the chain, counted in its generation.
    Chain(Pin),
    /// Past the chain. The plan says only what to do when that fails.
    Direct(Arc<Live>),
}

impl Way {
    pub(super) fn live(&self) -> &Arc<Live> {
        match self {
            Self::Chain(pin) => pin,
            Self::Direct(live) => live,
        }
    }
}

/// A message that came to its end; settling it is what remains.
pub(super) struct Ended {
    pub(super) settle: Settle,
    /// For those that went through the chain.
    pub(super) counted: Option<(Pin, Ending)>,
}

impl Weigh for Work {
    fn bytes(&self) -> usize {
        self.stored.message.size_bytes()
    }
}

impl Work {
    /// The plan it is on, kept from intake to the end.
    pub(super) fn live(&self) -> &Arc<Live> {
        self.way.live()
    }

    /// Begins once more, under the plan that is live now, if there is one for it.
    pub(super) fn begin_again(&mut self, live: Option<Arc<Live>>) {
        (self.failures, self.failing) = (0, None);
        if let Some(live) = live {
            self.way = match self.way {
                Way::Chain(_) => Way::Chain(Pin::new(live)),
                Way::Direct(_) => Way::Direct(live),
            };
        }
    }

    pub(super) fn end(self, ending: Ending) -> Ended {
        let counted = match self.way {
            Way::Chain(pin) => Some((pin, ending)),
            Way::Direct(_) => None,
        };
        Ended { settle: self.settle, counted }
    }
}
