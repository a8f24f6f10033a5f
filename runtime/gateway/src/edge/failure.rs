//! Why a visitor's request fails, with the status and the words for it.
#![deny(clippy::disallowed_methods)]

use http::StatusCode;
use hydra_runtime_wire::forms::FormFailure;

/// Why a visitor's request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFailure {
    /// No service has the path.
    NotFound,
    /// The path is malformed.
    BadPath,
    /// The service is registered, but none of its instances is active.
    Inactive,
    /// No known service has the path, but the gateway does not know all services yet.
    Starting,
    /// No instance can be reached, or an instance ended the connection before its answer.
    Unreachable,
    /// The answer of the service cannot be used. Holds the reason.
    BadAnswer(&'static str),
    /// This gateway has too few files, ports or memory to call a service.
    Overloaded,
    /// The body of the visitor's request cannot be read.
    BadBody,
    /// The visitor sends the body of the request too slowly.
    SlowBody,
    /// The body of the request is longer than allowed.
    TooLarge,
    /// The client address made too many requests. The next one is allowed in so many seconds.
    TooMany {
        /// At least 1.
        seconds: u32,
    },
    /// Too many requests are in flight, and too many wait.
    Full,
    /// Each instance has as many requests and sockets as it may.
    Busy,
    /// The body of the request has an unknown transfer coding.
    UnknownCoding,
    /// The service took too long to answer.
    Late,
    /// The request has passed this gateway before.
    Loop,
    /// A link to a preview is not valid, or its time is over.
    BadPreview,
    /// A visitor would preview too many services at a time.
    TooManyPreviews,
    /// A page of a folder cannot be shown.
    Broken,
    /// A page of a folder does not take the request's method.
    BadMethod,
    /// Another site made the visitor's browser send a form, or another request with a login.
    CrossSite,
    /// The connection to an instance ended before its answer began: it may have the request.
    Lost,
    /// The address of a form, or the form itself, can't be read. Nothing was done.
    FormUnreadable,
    /// The owner of a form does not know it any more, or not yet.
    FormOutdated,
    /// The owner does not take such a body.
    FormKind,
    /// The visitor may not send the form.
    FormForbidden,
    /// The owner wants a login, and the gateway has no page for that.
    LoginEnded,
    /// The owner of a form is away, and has nothing of it.
    FormUnsent,
    /// The action itself refused the form, with this status of the class 4xx.
    FormRefused(StatusCode),
    /// The owner got the form, but its answer can't be used, so it is unknown whether the action was done.
    FormUnclear,
}

impl RequestFailure {
    /// Every failure.
    pub(crate) const ALL: [Self; 30] = [
        Self::NotFound,
        Self::BadPath,
        Self::Inactive,
        Self::Starting,
        Self::Unreachable,
        Self::BadAnswer(""),
        Self::Overloaded,
        Self::BadBody,
        Self::SlowBody,
        Self::TooLarge,
        Self::TooMany { seconds: 1 },
        Self::Full,
        Self::Busy,
        Self::UnknownCoding,
        Self::Late,
        Self::Loop,
        Self::BadPreview,
        Self::TooManyPreviews,
        Self::Broken,
        Self::BadMethod,
        Self::CrossSite,
        Self::Lost,
        Self::FormUnreadable,
        Self::FormOutdated,
        Self::FormKind,
        Self::FormForbidden,
        Self::LoginEnded,
        Self::FormUnsent,
        Self::FormRefused(StatusCode::UNPROCESSABLE_ENTITY),
        Self::FormUnclear,
    ];

    pub(crate) fn status(self) -> StatusCode {
        match self {
            RequestFailure::NotFound => StatusCode::NOT_FOUND,
            RequestFailure::BadPath => StatusCode::BAD_REQUEST,
            RequestFailure::Inactive | RequestFailure::Starting => StatusCode::SERVICE_UNAVAILABLE,
            RequestFailure::FormUnsent => StatusCode::SERVICE_UNAVAILABLE,
            RequestFailure::Unreachable | RequestFailure::Lost | RequestFailure::BadAnswer(_) => {
                StatusCode::BAD_GATEWAY
            }
            RequestFailure::FormUnclear => StatusCode::BAD_GATEWAY,
            RequestFailure::FormRefused(status) => status,
            RequestFailure::Overloaded | RequestFailure::Full | RequestFailure::Busy => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            RequestFailure::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RequestFailure::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            RequestFailure::BadBody | RequestFailure::FormUnreadable => StatusCode::BAD_REQUEST,
            RequestFailure::FormOutdated => StatusCode::CONFLICT,
            RequestFailure::FormKind => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            RequestFailure::FormForbidden | RequestFailure::LoginEnded => StatusCode::FORBIDDEN,
            RequestFailure::SlowBody => StatusCode::REQUEST_TIMEOUT,
            RequestFailure::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            RequestFailure::Late => StatusCode::GATEWAY_TIMEOUT,
            RequestFailure::Loop => StatusCode::LOOP_DETECTED,
            RequestFailure::BadPreview => StatusCode::FORBIDDEN,
            RequestFailure::TooManyPreviews => StatusCode::CONFLICT,
            RequestFailure::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            RequestFailure::BadMethod => StatusCode::METHOD_NOT_ALLOWED,
            RequestFailure::CrossSite => StatusCode::FORBIDDEN,
        }
    }

    /// The failure of a form whose owner can't be asked. It tells whether the form may have arrived.
    pub(crate) fn of_form(self) -> Self {
        match self {
            Self::NotFound
            | Self::Inactive
            | Self::Starting
            | Self::Unreachable
            | Self::Overloaded
            | Self::Busy => Self::FormUnsent,
            Self::Lost | Self::Late | Self::BadAnswer(_) => Self::FormUnclear,
            other => other,
        }
    }

    /// The most likely failure behind a status.
    pub(crate) fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::BadMethod,
            StatusCode::BAD_GATEWAY => Self::Unreachable,
            StatusCode::SERVICE_UNAVAILABLE => Self::Inactive,
            StatusCode::GATEWAY_TIMEOUT => Self::Late,
            status if status.is_client_error() => Self::BadPath,
            _ => Self::Broken,
        }
    }

    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            RequestFailure::Loop => ("In a circle", "This address leads in a circle."),
            RequestFailure::BadPreview => (
                "No preview",
                "This link to a preview is not valid, or its time is over.",
            ),
            RequestFailure::TooManyPreviews => (
                "Too many previews",
                "You preview too many services already. Leave these previews first.",
            ),
            RequestFailure::Broken => (
                "Page not shown",
                "This page cannot be shown at the moment. Please try again.",
            ),
            RequestFailure::BadMethod => ("Not supported", "This page can only be read."),
            RequestFailure::CrossSite => FormFailure::CrossSite.words(),
            RequestFailure::NotFound => ("Page not found", "There is no page at this address."),
            RequestFailure::BadPath => ("Bad address", "This address cannot be read."),
            RequestFailure::Inactive => (
                "Back soon",
                "This part of the site is away at the moment. Please try again in a few seconds.",
            ),
            RequestFailure::Starting => (
                "Back soon",
                "This site is starting. Please try again in a few seconds.",
            ),
            RequestFailure::Unreachable | RequestFailure::Lost => (
                "No connection",
                "This part of the site cannot be reached at the moment. Please try again.",
            ),
            RequestFailure::BadAnswer(_) => (
                "Bad answer",
                "This part of the site gave an answer that cannot be used",
            ),
            RequestFailure::FormUnreadable => FormFailure::Unreadable.words(),
            RequestFailure::FormOutdated => FormFailure::Outdated.words(),
            RequestFailure::FormKind => FormFailure::Kind.words(),
            RequestFailure::FormForbidden => FormFailure::Forbidden.words(),
            RequestFailure::LoginEnded => FormFailure::Login.words(),
            RequestFailure::FormUnsent => FormFailure::Unsent.words(),
            RequestFailure::FormRefused(status) => FormFailure::Refused(status).words(),
            RequestFailure::FormUnclear => FormFailure::Unclear.words(),
            RequestFailure::TooLarge => FormFailure::TooLarge.words(),
            RequestFailure::TooMany { .. } => (
                "Too many requests",
                "Too many requests came from your address. Please try again later.",
            ),
            RequestFailure::Overloaded | RequestFailure::Full | RequestFailure::Busy => (
                "Too busy",
                "This site has too much to do at the moment. Please try again in a few seconds.",
            ),
            RequestFailure::BadBody => ("Bad request", "What was sent cannot be read."),
            RequestFailure::SlowBody => FormFailure::Slow.words(),
            RequestFailure::UnknownCoding => (
                "Not supported",
                "What was sent has a transfer coding other than `chunked`.",
            ),
            RequestFailure::Late => (
                "Too slow",
                "This part of the site took too long to answer. Please try again.",
            ),
        }
    }
}

impl From<FormFailure> for RequestFailure {
    fn from(failure: FormFailure) -> Self {
        match failure {
            FormFailure::CrossSite => Self::CrossSite,
            FormFailure::Unreadable => Self::FormUnreadable,
            FormFailure::Outdated => Self::FormOutdated,
            FormFailure::Kind => Self::FormKind,
            FormFailure::Forbidden => Self::FormForbidden,
            FormFailure::Login => Self::LoginEnded,
            FormFailure::TooLarge => Self::TooLarge,
            FormFailure::Slow => Self::SlowBody,
            FormFailure::Unsent => Self::FormUnsent,
            FormFailure::Refused(status) => Self::FormRefused(status),
            FormFailure::Unclear => Self::FormUnclear,
        }
    }
}
