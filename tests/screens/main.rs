//! What a person sees and touches, checked on real pixels, on both displays, with a clock that is set by hand.
//!
//! With `SCREENS_OUT=<folder>` every page is also written there as a picture.

mod display;
mod hold;
mod pages;
mod story;
mod words;
