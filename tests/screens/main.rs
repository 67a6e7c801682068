//! What a person sees and touches, checked on real pixels, on both displays, with a clock that is set by hand.
//!
//! With `SCREENS_OUT=<folder>` contact sheets of every page are written there, one for each display, look and size of text.

mod clinic;
mod display;
mod hold;
mod keys;
mod languages;
mod pages;
mod sheet;
mod story;
mod words;
