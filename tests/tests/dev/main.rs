//! `hydra dev`: services of a folder are built and run, and again after each change; problems show in the browser.

#![cfg(target_os = "linux")]

mod browser;
mod cargo;
mod folder;
mod odd_files;
mod release;
mod services;
