//! Every bound of the contract's types and checks, with its unit in the name and its reason beside it.

/// How deep `list<…>` and `map<…>` may nest. People don't write deeper types, and a hostile contract must not exhaust the stack.
pub(crate) const MAX_TYPE_DEPTH: usize = 16;

/// How many pages one contract problem names. Its reader needs some of them, and a service may have thousands.
pub(crate) const MAX_PAGES_PER_PROBLEM: usize = 20;

/// How many characters of a name a contract problem shows. The gateway keeps and sends these problems, and names come from outside.
pub(crate) const MAX_SHOWN_NAME_CHARS: usize = 100;

/// How many problems one use of a fragment may have. A service that renamed everything does not need a line about each name.
pub(crate) const MAX_PROBLEMS_PER_USE: usize = 20;

/// The longest name for which a near one is looked for. The time grows with the square of it, and keys are shorter.
pub(crate) const MAX_SUGGESTED_NAME_BYTES: usize = 64;

/// How many known keys a problem in a settings file names.
pub(crate) const MAX_NAMED_KEYS: usize = 100;

/// The longest name of a service. The name is part of each of its paths.
pub(crate) const MAX_SERVICE_NAME_BYTES: usize = 100;
