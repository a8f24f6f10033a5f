//! Who may use the operators' page and API: who has the operators' token, and users with the role `HYDRA-OPERATOR`.

mod ended;
mod guard;
mod middleware;
mod sessions;

pub(crate) use guard::{Access, Guard, NotSignedIn};
pub(crate) use middleware::guarded;
pub(crate) use sessions::is_from_own_page;
