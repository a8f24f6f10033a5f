//! What visitors read whose form has no answer, at a gateway and at an application without one.
#![deny(clippy::disallowed_methods)]

use http::StatusCode;

/// Why a visitor who sent a form gets an error page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormFailure {
    /// Another site made the visitor's browser send it.
    CrossSite,
    /// Its address or its body can't be read. Nothing was done.
    Unreadable,
    /// The owner does not know its action any more, or not yet.
    Outdated,
    /// The body is of a kind that is not taken.
    Kind,
    /// The visitor may not send it.
    Forbidden,
    /// The action needs a login.
    Login,
    /// It is too large.
    TooLarge,
    /// It came too slowly.
    Slow,
    /// Nothing was done: the owner is away, or can't handle it now.
    Unsent,
    /// The action itself refused it, with this status of the class 4xx.
    Refused(StatusCode),
    /// It is not known what was done.
    Unclear,
}

impl FormFailure {
    /// What the status of an owner's answer means. `is_own`: the status is that of the action itself.
    #[must_use]
    pub fn of_owner(status: StatusCode, is_own: bool) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Login,
            StatusCode::FORBIDDEN => Self::Forbidden,
            status if is_own && status.is_client_error() => Self::Refused(status),
            _ if is_own => Self::Unclear,
            StatusCode::BAD_REQUEST => Self::Unreadable,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Self::Outdated,
            StatusCode::REQUEST_TIMEOUT => Self::Slow,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::Kind,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unsent,
            _ => Self::Unclear,
        }
    }

    /// The status for the visitor.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::CrossSite | Self::Forbidden | Self::Login => StatusCode::FORBIDDEN,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::Outdated => StatusCode::CONFLICT,
            Self::Kind => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Unsent => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(status) => status,
            Self::Unclear => StatusCode::BAD_GATEWAY,
        }
    }

    /// A title and a text for the visitor, who learns whether the form may be sent again.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::CrossSite => (
                "From another site",
                "Your browser sent this from another site. Please open the page here and try again.",
            ),
            Self::Unreadable => (
                "Not sent",
                "This form can't be read, and nothing was done. Please open the page again.",
            ),
            Self::Outdated => (
                "Form has changed",
                "This form has changed in the meantime, and nothing was done. Please open the page again.",
            ),
            Self::Kind => (
                "Not supported",
                "What was sent has a form that is not taken here, and nothing was done.",
            ),
            Self::Forbidden => ("Not allowed", "You may not send this form. Nothing was done."),
            Self::Login => (
                "Please log in",
                "This form needs a login. Nothing was done: please log in, and send it again.",
            ),
            Self::TooLarge => ("Too large", "What was sent is larger than is allowed here."),
            Self::Slow => ("Too slow", "What was to be sent came too slowly."),
            Self::Unsent => (
                "Not sent",
                "This part of the site is away at the moment, so that your form was not sent. Please try again in a few seconds.",
            ),
            Self::Refused(_) => (
                "Not accepted",
                "Your form was not accepted. Please open the page again.",
            ),
            Self::Unclear => (
                "No answer",
                "Your form was sent, and it is not known what became of it. Please look before you send it again.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_an_action_is_not_taken_for_one_of_the_protocol() {
        for (status, of_protocol, of_action) in [
            (400, 400, 400),
            (401, 403, 403),
            (403, 403, 403),
            (404, 409, 404),
            (405, 409, 405),
            (408, 408, 408),
            (409, 502, 409),
            (413, 413, 413),
            (415, 415, 415),
            (422, 502, 422),
            (429, 502, 429),
            (500, 502, 502),
            (503, 503, 502),
            (302, 502, 502),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let shown = |is_own| FormFailure::of_owner(status, is_own).status().as_u16();
            assert_eq!((shown(false), shown(true)), (of_protocol, of_action), "{status}");
        }
    }
}
