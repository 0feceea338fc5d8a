//! Asks pkg-config where culvert is. It is run as a command, so that nothing has to be fetched to build this crate.

use std::env;
use std::process::{exit, Command};

/// What pkg-config itself heeds: another value may mean another library.
const HEEDED: [&str; 5] = [
    "PKG_CONFIG",
    "PKG_CONFIG_PATH",
    "PKG_CONFIG_LIBDIR",
    "PKG_CONFIG_SYSROOT_DIR",
    "PKG_CONFIG_DISABLE_UNINSTALLED",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for variable in HEEDED {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    match pkg_config() {
        Ok(flags) => flags.split_whitespace().for_each(link),
        Err(why) => {
            eprintln!("culvert is not found: {why}");
            exit(1);
        }
    }
}

fn pkg_config() -> Result<String, String> {
    let command = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let wanted = format!("culvert >= {}", env!("CARGO_PKG_VERSION"));
    let output = Command::new(&command)
        .args(["--print-errors", "--libs", &wanted])
        .output()
        .map_err(|error| format!("{command}: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

fn link(flag: &str) {
    if let Some(directory) = flag.strip_prefix("-L") {
        println!("cargo:rustc-link-search=native={directory}");
    } else if let Some(library) = flag.strip_prefix("-l") {
        println!("cargo:rustc-link-lib={library}");
    }
}
