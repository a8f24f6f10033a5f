//! Finds the services in folders: Cargo packages, and folders of templates.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use hydra_compile::read;

use super::{
    Stop,
    cargo::{self, Metadata, Package},
};

/// The most services of one run.
const MAX_SERVICES: usize = 64;
/// The most entries of a folder that are looked at.
const MAX_ENTRIES: usize = 10_000;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) crates: Vec<CratePlace>,
    /// The folder of templates that are pages without a program.
    pub(super) pages: Option<PathBuf>,
}

/// A service that is a Cargo package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CratePlace {
    /// The name of the package.
    pub(super) name: String,
    /// The folder of the package, relative to the working directory if it lies in there.
    pub(super) folder: PathBuf,
    /// The name of its program.
    pub(super) program: String,
    /// The folders of the packages by path that it is built with, absolute.
    pub(super) dependencies: Vec<PathBuf>,
    /// The folder of its workspace, absolute.
    pub(super) workspace: PathBuf,
}

/// Finds the services in `folders`.
///
/// # Errors
/// A folder has none, cargo can't read a package, or there are more than one folder of templates or too many services. The text says
/// what to do.
pub(super) fn find(folders: &[PathBuf]) -> Result<Found, Stop> {
    let mut found = Found::default();
    for folder in folders {
        let shown = folder.display();
        let real = fs::canonicalize(folder).map_err(|error| Stop(format!("`{shown}`: {error}")))?;
        if !real.is_dir() {
            return Err(Stop(format!("`{shown}` is a file: name the folder of a service")));
        }
        if !found.add_folder(&real)? {
            return Err(Stop(format!(
                "there is no service in `{shown}`: a service is a Cargo package with a program and `hydra-compile` among its \
                 build-dependencies, or a folder with templates"
            )));
        }
    }
    if found.crates.len() > MAX_SERVICES {
        return Err(Stop(format!(
            "there are {} services: name the folders of at most {MAX_SERVICES}",
            found.crates.len()
        )));
    }
    Ok(found)
}

impl Found {
    /// The names of all services, and of the folder of templates.
    pub(super) fn names(&self) -> Vec<String> {
        let pages = self.pages.as_deref().map(name_of);
        self.crates
            .iter()
            .map(|place| place.name.clone())
            .chain(pages)
            .collect()
    }

    /// Adds what is in a folder: a package or the members of a workspace, else what is in the folders directly inside, else its
    /// templates. Returns whether there is something.
    fn add_folder(&mut self, folder: &Path) -> Result<bool, Stop> {
        if self.add_packages(folder)? {
            return Ok(true);
        }
        if has_templates(folder) {
            self.add_pages(folder)?;
            return Ok(true);
        }
        let mut is_found = false;
        for inner in folders_in(folder) {
            if self.add_packages(&inner)? {
                is_found = true;
            } else if !inner.join("Cargo.toml").exists() && has_templates(&inner) {
                self.add_pages(&inner)?;
                is_found = true;
            }
        }
        Ok(is_found)
    }

    fn add_packages(&mut self, folder: &Path) -> Result<bool, Stop> {
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            return Ok(false);
        }
        let metadata = cargo::metadata(&manifest)?;
        let mut is_found = false;
        for place in services(&metadata, folder)? {
            is_found = true;
            let place = CratePlace {
                folder: shown(&place.folder),
                ..place
            };
            if !self.crates.contains(&place) {
                self.crates.push(place);
            }
        }
        Ok(is_found)
    }

    fn add_pages(&mut self, folder: &Path) -> Result<(), Stop> {
        let folder = shown(folder);
        match &self.pages {
            Some(other) if *other != folder => Err(Stop(format!(
                "`{}` and `{}` are both folders of templates, whose pages would have the same addresses: name one of them",
                other.display(),
                folder.display()
            ))),
            _ => {
                self.pages = Some(folder);
                Ok(())
            }
        }
    }
}

/// The services among the packages of a workspace that lie in `folder`.
fn services(metadata: &Metadata, folder: &Path) -> Result<Vec<CratePlace>, Stop> {
    let packages = metadata.packages.iter();
    let inside = packages.filter(|package| package.folder().starts_with(folder) && package.is_service());
    let place = |package: &Package| {
        Ok(CratePlace {
            name: package.name.clone(),
            folder: package.folder().to_owned(),
            program: package.program().map_err(Stop)?.to_owned(),
            dependencies: dependencies(metadata, package),
            workspace: metadata.workspace_root.clone(),
        })
    };
    inside.map(place).collect()
}

/// The folders of the packages by path that a package is built with.
fn dependencies(metadata: &Metadata, package: &Package) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![package];
    while let Some(package) = open.pop() {
        for folder in package.path_dependencies() {
            if found.insert(folder.to_owned()) {
                let mut packages = metadata.packages.iter();
                open.extend(packages.find(|package| package.folder() == folder));
            }
        }
    }
    found.remove(package.folder());
    found.into_iter().collect()
}

/// The path that people see: relative to the working directory if it lies in there.
fn shown(folder: &Path) -> PathBuf {
    let here = env::current_dir().and_then(fs::canonicalize);
    let inside = here
        .ok()
        .and_then(|here| folder.strip_prefix(here).ok().map(Path::to_owned));
    match inside {
        Some(inside) if inside.as_os_str().is_empty() => PathBuf::from("."),
        Some(inside) => inside,
        None => folder.to_owned(),
    }
}

fn has_templates(folder: &Path) -> bool {
    entries(folder).any(|path| read::is_template(&path) && path.is_file())
}

/// The folders directly inside, but hidden ones and those of tools.
fn folders_in(folder: &Path) -> BTreeSet<PathBuf> {
    entries(folder)
        .filter(|path| !is_left_out(path) && path.is_dir())
        .collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().take(MAX_ENTRIES);
    entries.flatten().map(|entry| entry.path())
}

/// The name by which people see a folder.
pub(super) fn name_of(folder: &Path) -> String {
    let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    real.file_name()
        .unwrap_or(folder.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Whether a folder holds the files of tools, and may be large.
pub(super) fn is_left_out(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".") || name == "target" || name == "node_modules"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A package as cargo describes it, with a program and `hydra-compile` among its build-dependencies.
    fn package(name: &str, programs: &[&str], paths: &[&str]) -> serde_json::Value {
        let mut dependencies = vec![json!({"name": "hydra-compile", "kind": "build"})];
        dependencies.extend(
            paths
                .iter()
                .map(|path| json!({"name": "x", "kind": null, "path": path})),
        );
        dependencies.push(json!({"name": "t", "kind": "dev", "path": "/w/only-tests"}));
        let targets: Vec<_> = programs
            .iter()
            .map(|name| json!({"name": name, "kind": ["bin"]}))
            .collect();
        json!({"name": name, "manifest_path": format!("/w/{name}/Cargo.toml"), "targets": targets, "dependencies": dependencies})
    }

    fn found(packages: &[serde_json::Value], folder: &str) -> Result<Vec<CratePlace>, Stop> {
        let metadata: Metadata =
            serde_json::from_value(json!({"packages": packages, "workspace_root": "/w"})).expect("metadata");
        services(&metadata, Path::new(folder))
    }

    #[test]
    fn services_are_packages_with_a_program_and_the_compiler() {
        let library = json!({"name": "common", "manifest_path": "/w/common/Cargo.toml", "targets": [{"name": "common", "kind": ["lib"]}],
            "dependencies": [{"name": "y", "path": "/w/deep"}]});
        let tool = json!({"name": "tool", "manifest_path": "/w/tool/Cargo.toml", "targets": [{"name": "tool", "kind": ["bin"]}], "dependencies": []});
        let packages = [
            package("shop", &["shop"], &["/w/common", "/w/shop"]),
            package("blog", &["import", "blog"], &[]),
            library,
            tool,
        ];
        let all = found(&packages, "/w").expect("services");
        let names: Vec<_> = all.iter().map(|place| (&*place.name, &*place.program)).collect();
        assert_eq!(names, [("shop", "shop"), ("blog", "blog")]);
        assert_eq!(
            all[0].dependencies,
            [Path::new("/w/common"), Path::new("/w/deep")]
        );
        assert_eq!(found(&packages, "/w/blog").expect("one").len(), 1);
        assert_eq!(found(&packages, "/w/tool"), Ok(Vec::new()));
    }

    #[test]
    fn a_package_with_several_programs_must_name_one() {
        let mut several = package("shop", &["one", "other"], &[]);
        assert_eq!(
            found(&[several.clone()], "/w"),
            Err(Stop(
                "the package `shop` has the programs `one`, `other`: name that of the service with `default-run` in its Cargo.toml"
                    .to_owned()
            ))
        );
        several["default_run"] = json!("other");
        assert_eq!(found(&[several], "/w").expect("a service")[0].program, "other");
    }

    #[test]
    fn folders_of_templates_are_found_directly_and_one_deep() {
        let around = tempfile::tempdir().expect("a folder");
        let write = |name: &str| {
            let path = around.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "").expect("written");
        };
        let find_in = |name: &str| find(&[around.path().join(name)]);
        write("site/pages/index.html");
        write("site/pages/parts/more.html");
        write("site/target/doc.html");
        write("site/.git/x.html");
        write("two/a/index.html");
        write("two/b/index.html");
        write("deep/a/b/index.html");
        let pages = |name: &str| Some(fs::canonicalize(around.path()).expect("it is there").join(name));
        assert_eq!(find_in("site").expect("found").pages, pages("site/pages"));
        assert_eq!(find_in("site/pages").expect("found").pages, pages("site/pages"));
        for (name, part) in [
            ("two", "are both folders of templates"),
            ("deep", "there is no service in"),
            ("nothing", "No such file"),
            ("site/pages/index.html", "is a file"),
        ] {
            let Err(Stop(text)) = find_in(name) else {
                panic!("{name} is found")
            };
            assert!(text.contains(part), "{name}: {text}");
        }
    }
}
