//! Which features there are, and which sets of them are built.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::Command,
};

use serde::Deserialize;

use crate::command::{Failure, answers, capture, cargo};

/// Features of `torii` that do nothing without storage. They must build alone, and with it.
const METHODS: [&str; 5] = ["magic-link", "mailer", "oauth", "passkey", "password"];

/// Features of the command `torii-cli` of which it needs one.
const ENGINES: [&str; 3] = ["mysql", "postgres", "sqlite"];

/// The crates of this workspace and their features, as cargo tells them.
#[derive(Debug)]
pub(crate) struct Workspace {
    packages: Vec<Package>,
    openssl: bool,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    features: BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn read() -> Result<Self, Failure> {
        let metadata = capture(cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
        Self::parse(&metadata, openssl_is_there())
    }

    fn parse(metadata: &[u8], openssl: bool) -> Result<Self, Failure> {
        let Metadata { mut packages } = serde_json::from_slice(metadata).map_err(Failure::Metadata)?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { packages, openssl })
    }

    /// The arguments that switch on everything that can be built here, for a command on the whole workspace. One set for all
    /// commands: what one of them has built, the next one finds.
    pub(crate) fn everything(&self) -> Vec<String> {
        if self.left_out().is_empty() {
            return vec!["--all-features".to_owned()];
        }
        let features = self.packages.iter().flat_map(|package| {
            let buildable = package.features.keys().filter(|feature| self.can_build(package, feature));
            buildable.map(|feature| format!("{}/{feature}", package.name))
        });
        vec!["--features".to_owned(), features.collect::<Vec<_>>().join(",")]
    }

    /// Features, as `package/feature`, that cannot be built here.
    pub(crate) fn left_out(&self) -> Vec<String> {
        let mut left_out = Vec::new();
        for package in &self.packages {
            let features = package.features.keys().filter(|feature| !self.can_build(package, feature));
            left_out.extend(features.map(|feature| format!("{}/{feature}", package.name)));
        }
        left_out
    }

    /// The arguments of `cargo check` for every set of features that must build by itself: for each library none, each one
    /// alone, and all; for `torii` each sign-in method also with a database; for `torii-cli` each database, and all.
    pub(crate) fn sets(&self) -> Vec<Vec<String>> {
        self.packages.iter().flat_map(|package| self.sets_of(package)).collect()
    }

    fn sets_of(&self, package: &Package) -> Vec<Vec<String>> {
        let is_library = package.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "lib"));
        let buildable = package.features.iter().filter(|(feature, _)| self.can_build(package, feature));
        // An empty `default` is no set of its own.
        let features: Vec<&str> = buildable
            .filter(|(feature, enables)| *feature != "default" || !enables.is_empty())
            .map(|(feature, _)| feature.as_str())
            .collect();
        if package.name == "torii-cli" {
            let all: Vec<&str> = features.iter().copied().filter(|feature| *feature != "default").collect();
            let engines = features.iter().filter(|feature| ENGINES.contains(feature)).map(|engine| vec![*engine]);
            return engines.chain([all]).map(|set| check(&package.name, &set)).collect();
        }
        if !is_library || features.is_empty() {
            return Vec::new();
        }

        let mut sets: BTreeSet<Vec<&str>> = features.iter().map(|feature| vec![*feature]).collect();
        sets.insert(Vec::new());
        sets.insert(features.iter().copied().filter(|feature| *feature != "default").collect());
        if package.name == "torii" {
            let methods = METHODS.iter().filter(|method| features.contains(*method));
            sets.extend(methods.map(|method| vec![*method, "sqlite"]));
        }
        sets.into_iter().map(|set| check(&package.name, &set)).collect()
    }

    fn can_build(&self, package: &Package, feature: &str) -> bool {
        let enables = package.features.get(feature).map(Vec::as_slice).unwrap_or_default();
        self.openssl || !(feature.ends_with("native-tls") || enables.iter().any(|other| other.ends_with("native-tls")))
    }
}

fn check(package: &str, features: &[&str]) -> Vec<String> {
    let mut arguments: Vec<String> = ["check", "-p", package, "--no-default-features"].map(str::to_owned).into();
    if !features.is_empty() {
        arguments.extend(["--features".to_owned(), features.join(",")]);
    }
    arguments
}

/// The platform's TLS is OpenSSL on Linux, whose headers are not on every machine.
fn openssl_is_there() -> bool {
    let mut question = Command::new("pkg-config");
    question.args(["--exists", "openssl"]);
    cfg!(not(target_os = "linux")) || env::var_os("OPENSSL_DIR").is_some() || answers(question)
}

#[cfg(test)]
mod tests;
