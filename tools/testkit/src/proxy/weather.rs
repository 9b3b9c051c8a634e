//! What the network is like now.

use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Link {
    #[default]
    Passing,
    Cut,
    Stalled,
    /// Stalled from the server to the client only.
    Unanswered,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ToServer,
    ToClient,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) link: Link,
    /// How often it was cut. A watcher sees only the latest weather: by this number a connection knows that there
    /// was a cut, however soon it was healed.
    pub(super) cuts: u64,
    pub(super) latency: Duration,
    /// Half a period, while it flaps.
    pub(super) flapping: Option<Duration>,
}

impl Weather {
    /// Whether bytes get through this way.
    pub(super) fn passes(&self, way: Way) -> bool {
        match self.link {
            Link::Passing => true,
            Link::Unanswered => way == Way::ToServer,
            Link::Cut | Link::Stalled => false,
        }
    }

    pub(super) fn cut(&mut self) {
        self.link = Link::Cut;
        self.cuts += 1;
    }

    /// From passing to cut or back; always a change.
    pub(super) fn turn(&mut self) -> bool {
        if self.link == Link::Passing {
            self.cut()
        } else {
            self.link = Link::Passing
        }
        true
    }
}
