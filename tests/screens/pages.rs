//! Every page, on both displays.

use std::{fs::File, path::PathBuf};

use pump_remote::adapters::slint::Panel;
use slint::{Rgba8Pixel, SharedPixelBuffer};

use crate::{display::Display, story};

const PANELS: [(&str, Panel); 2] = [("tall", Panel::FIVE_INCH), ("wide", Panel::SEVEN_INCH)];

#[test]
fn every_page_is_drawn_on_both_displays() {
    let folder = std::env::var_os("SCREENS_OUT").map(PathBuf::from);
    for (shape, panel) in PANELS {
        let mut display = Display::new(panel);
        let mut blank = None;
        for (name, screen) in story::all() {
            display.apply(&screen);
            let picture = display.snapshot();
            assert_eq!((picture.width(), picture.height()), (panel.width, panel.height));
            assert_ne!(blank.as_ref(), Some(&picture.as_bytes().to_vec()), "{name} looks like the page before it");
            blank = Some(picture.as_bytes().to_vec());
            if let Some(folder) = &folder {
                save(folder.join(format!("{shape}-{name}.png")), &picture);
            }
        }
    }
}

fn save(path: PathBuf, picture: &SharedPixelBuffer<Rgba8Pixel>) {
    let mut encoder = png::Encoder::new(File::create(path).expect("a folder"), picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a file");
    writer.write_image_data(picture.as_bytes()).expect("a file");
}
