//! Compiles the pages; element ids for the tests go in only where nothing is shipped.

fn main() {
    let shipped = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let config = slint_build::CompilerConfiguration::new().with_debug_info(!shipped);
    slint_build::compile_with_config("app-window.slint", config).expect("the pages compile");
}
