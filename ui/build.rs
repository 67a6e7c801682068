//! Compiles the pages.
fn main() {
    slint_build::compile("app-window.slint").expect("pages compile");
}
