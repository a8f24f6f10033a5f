//! One request, as long as it lasts (section Stream Sequences and Lifetimes).

use crate::frame::{Interaction, Partial};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Response,
    FireAndForget,
    Stream,
    Channel,
}

impl From<Interaction> for Kind {
    fn from(interaction: Interaction) -> Kind {
        match interaction {
            Interaction::Response => Kind::Response,
            Interaction::FireAndForget => Kind::FireAndForget,
            Interaction::Stream { .. } => Kind::Stream,
            Interaction::Channel { .. } => Kind::Channel,
        }
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    /// Whether this side sent the request.
    pub(super) is_local: bool,
    pub(super) kind: Kind,
    /// Whether this side may still send payloads.
    pub(super) is_sending: bool,
    /// Whether the peer may still send payloads.
    pub(super) is_receiving: bool,
    /// How many payloads this side may send.
    pub(super) credit: u64,
    /// How many payloads the peer may send.
    pub(super) given: u64,
    /// The request, while its fragments arrive.
    pub(super) arriving: Option<Interaction>,
    /// The payload whose fragments arrive.
    pub(super) partial: Option<Partial>,
}

impl Stream {
    /// A request of this side.
    pub(super) fn local(interaction: Interaction) -> Stream {
        let (credit, is_sending) = match interaction {
            Interaction::Stream { credit } => (credit, false),
            Interaction::Channel { credit, complete } => (credit, !complete),
            Interaction::Response | Interaction::FireAndForget => (1, false),
        };
        Stream {
            is_local: true,
            kind: interaction.into(),
            is_sending,
            is_receiving: true,
            credit: 0,
            given: u64::from(credit),
            arriving: None,
            partial: None,
        }
    }

    /// A request of the peer. `channel_credit` is what a requester of a channel may send at first.
    pub(super) fn remote(interaction: Interaction, channel_credit: u32) -> Stream {
        let (credit, is_receiving) = match interaction {
            Interaction::Stream { credit } => (credit, false),
            Interaction::Channel { credit, complete } => (credit, !complete),
            Interaction::Response | Interaction::FireAndForget => (1, false),
        };
        Stream {
            is_local: false,
            kind: interaction.into(),
            is_sending: true,
            is_receiving,
            credit: u64::from(credit),
            given: u64::from(channel_credit),
            arriving: None,
            partial: None,
        }
    }

    /// A request of the peer whose fragments arrive.
    pub(super) fn arriving(interaction: Interaction) -> Stream {
        Stream {
            is_sending: false,
            arriving: Some(interaction),
            ..Stream::remote(interaction, 0)
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        !self.is_sending && !self.is_receiving
    }
}
