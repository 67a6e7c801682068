//! wrynose builds with its own Rust: no crate may ask for a newer one.

use std::process::Command;

use serde_json::Value;

use crate::layers::at;

/// `RUSTVERSION` of openembedded-core, branch wrynose.
const WRYNOSE: [u64; 3] = [1, 94, 1];

#[test]
fn no_crate_asks_for_more_than_the_release_s_rust() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--manifest-path"])
        .arg(at("Cargo.toml"))
        .output()
        .expect("cargo runs its own tests");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo metadata writes JSON");
    let packages = metadata["packages"].as_array().expect("packages are a list");
    let mut told = 0;
    for package in packages {
        let Some(asked) = package["rust_version"].as_str() else { continue };
        told += 1;
        let mut version = [0; 3];
        for (place, part) in version.iter_mut().zip(asked.split('.')) {
            *place = part.parse().expect("a Rust version is made of numbers");
        }
        assert!(version <= WRYNOSE, "{} {} asks for Rust {asked}", package["name"], package["version"]);
    }
    assert!(told > 100, "only {told} of {} packages say what they ask for", packages.len());
}
