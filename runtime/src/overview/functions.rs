//! The overview in templates. It comes as functions, so that no attribute of a page collides with it.
//!
//! - `menu(name="main")`: the links of a menu, each with `label`, `href`, `service` and `active`.
//! - `is_there(path="/checkout")`: whether an active service answers the path.
//!
//! `asset(file="blog.css")` belongs to the page engine (`runtime/src/page/assets/function.rs`).
//!
//! The compiler knows their names (`compiler/src/syntax/names.rs`).
#![deny(clippy::disallowed_methods)]

use tera::{Kwargs, State, Tera, TeraResult, Value};

use super::PublishedOverview;

pub(super) fn register(published: &PublishedOverview, tera: &mut Tera) {
    let menus = published.clone();
    tera.register_function(
        "menu",
        move |arguments: Kwargs, _: &State<'_>| -> TeraResult<Value> {
            let name = arguments.must_get::<&str>("name")?;
            Ok(Value::from_serializable(menus.now().menu(name)))
        },
    );
    let pages = published.clone();
    tera.register_function(
        "is_there",
        move |arguments: Kwargs, _: &State<'_>| -> TeraResult<bool> {
            let path = arguments.must_get::<&str>("path")?;
            Ok(pages.now().has_page(path))
        },
    );
}
