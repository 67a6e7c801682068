//! The code for the clinic, read off pictures of its page as a phone reads it off the display.

use pump_remote::adapters::slint::{Colours, Looks, TextSize};
use rqrr::PreparedImage;

use crate::{display::Display, pages::PANELS, story};

/// What a camera finds on the page.
fn read_off(display: &Display) -> Option<String> {
    let picture = display.snapshot();
    let (pixels, width) = (picture.as_slice(), picture.width() as usize);
    let grey = |x: usize, y: usize| {
        let it = pixels[y * width + x];
        u8::try_from((u16::from(it.r) + u16::from(it.g) + u16::from(it.b)) / 3).expect("a mean of bytes")
    };
    let mut camera = PreparedImage::prepare_from_greyscale(width, picture.height() as usize, grey);
    let found = camera.detect_grids();
    found.first().and_then(|code| code.decode().ok()).map(|(_, told)| told)
}

#[test]
fn a_camera_reads_the_code_on_both_displays_in_every_look() {
    for (shape, panel) in PANELS {
        for colours in [Colours::Dark, Colours::Light, Colours::HighContrast] {
            for text in [TextSize::Normal, TextSize::Large] {
                for (called, screen) in [
                    ("alone", story::clinic(Some(story::summary()))),
                    ("below an alarm", story::alarming(&story::THREE, story::clinic(Some(story::summary())))),
                ] {
                    let mut display = Display::new(panel);
                    display.window.dress(Looks { colours, text, ..Looks::default() });
                    display.apply(&screen);
                    let told = read_off(&display).unwrap_or_default();
                    // proves R-REC-10
                    assert!(
                        told.starts_with("PUMP-REMOTE 1\nPUMP SIM-000042\nRECORD 1204817 9f9f"),
                        "{shape} {colours:?} {called}: {told:?}"
                    );
                    assert_eq!(told.lines().filter(|line| line.ends_with(" 31 12 3 19 1 2")).count(), 14, "{told}");
                }
            }
        }
    }
}

#[test]
fn while_the_record_is_being_read_there_is_no_code() {
    let mut display = Display::new(PANELS[0].1);
    display.apply(&story::clinic(Some(story::summary())));
    assert!(read_off(&display).is_some());
    display.apply(&story::clinic(None));
    assert_eq!(read_off(&display), None);
}
