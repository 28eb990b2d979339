//! The browser that tests steer.

use std::{env, path::Path};

use crate::{
    command::Failure,
    servers::{install, is_installed, may_install},
};

/// The programs, the variables that name them where they are called otherwise, and the packages that have them.
const PROGRAMS: [(&str, &str, &str); 2] =
    [("chromium", "TORII_TEST_CHROMIUM", "chromium"), ("chromedriver", "TORII_TEST_CHROMEDRIVER", "chromium-driver")];
/// For pictures of pages on which a test failed.
const FONTS: &str = "fonts-dejavu-core";

/// Installs Chromium and its driver with the system's package manager, unless they are installed or tests were told of others. Where
/// nothing can be installed the tests say what is missing.
pub(crate) fn install_missing() -> Result<(), Failure> {
    let is_there = |(program, variable, _): &(&str, &str, &str)| {
        env::var_os(variable).is_some() || is_installed(program, Path::new("/nowhere"))
    };
    if PROGRAMS.iter().all(is_there) || !may_install() {
        return Ok(());
    }
    let mut packages: Vec<&str> = PROGRAMS.iter().map(|(_, _, package)| *package).collect();
    packages.push(FONTS);
    install(&packages)
}
