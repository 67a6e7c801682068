//! A display without a display: the pages drawn by the software renderer into memory, on a clock that is set by hand.
//!
//! The demonstration and the benchmarks look at the remote through it. Between two frames only what changed is drawn
//! again, as on the device.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufWriter},
    path::Path,
    rc::Rc,
    time::Duration,
};

use slint::{
    PhysicalSize, PlatformError,
    platform::{
        Platform, PointerEventButton, SetPlatformError, WindowAdapter, WindowEvent,
        software_renderer::{MinimalSoftwareWindow, PremultipliedRgbaColor, RepaintBufferType},
    },
};

use super::Panel;

/// The display in memory. One to a thread, made before its [`super::Window`].
pub struct Headless {
    window: Rc<MinimalSoftwareWindow>,
    clock: Rc<Cell<Duration>>,
    panel: Panel,
    pixels: Vec<Pixel>,
}

/// Four bytes, and blended as the handheld's display blends them.
pub type Pixel = PremultipliedRgbaColor;

/// What a finger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It comes down.
    Down,
    /// It moves while it is down.
    Move,
    /// It is lifted.
    Up,
}

struct Memory {
    window: Rc<MinimalSoftwareWindow>,
    clock: Rc<Cell<Duration>>,
}

impl Platform for Memory {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        Ok(Rc::<MinimalSoftwareWindow>::clone(&self.window))
    }

    fn duration_since_start(&self) -> Duration {
        self.clock.get()
    }
}

impl Headless {
    /// Becomes this thread's platform.
    ///
    /// # Errors
    /// This thread has a platform already.
    pub fn install(panel: Panel) -> Result<Self, SetPlatformError> {
        let window = MinimalSoftwareWindow::new(RepaintBufferType::ReusedBuffer);
        let clock = Rc::new(Cell::new(Duration::ZERO));
        slint::platform::set_platform(Box::new(Memory { window: Rc::clone(&window), clock: Rc::clone(&clock) }))?;
        let mut headless = Self { window, clock, panel, pixels: Vec::new() };
        headless.resize(panel);
        Ok(headless)
    }

    /// Changes the display.
    pub fn resize(&mut self, panel: Panel) {
        self.panel = panel;
        self.pixels = vec![Pixel::default(); panel.width as usize * panel.height as usize];
        self.window.set_size(PhysicalSize::new(panel.width, panel.height));
    }

    /// Lets time pass: timers fire, animations move. At most 16 ms pass at a time, as on a display.
    pub fn advance(&self, by: Duration) {
        let end = self.clock.get() + by;
        while self.clock.get() < end {
            self.clock.set((self.clock.get() + Duration::from_millis(16)).min(end));
            slint::platform::update_timers_and_animations();
        }
    }

    /// Draws what changed; `true` if anything did.
    pub fn render(&mut self) -> bool {
        slint::platform::update_timers_and_animations();
        let (pixels, stride) = (&mut self.pixels, self.panel.width as usize);
        self.window.draw_if_needed(|renderer| {
            renderer.render(pixels, stride);
        })
    }

    /// Draws everything again, changed or not.
    pub fn draw_all(&mut self) {
        self.window.request_redraw();
        let (pixels, stride) = (&mut self.pixels, self.panel.width as usize);
        self.window.draw_if_needed(|renderer| {
            // The renderer forgets what it has drawn when the kind of buffer changes.
            renderer.set_repaint_buffer_type(RepaintBufferType::NewBuffer);
            renderer.set_repaint_buffer_type(RepaintBufferType::ReusedBuffer);
            renderer.render(pixels, stride);
        });
    }

    /// The last frame, row by row.
    pub fn pixels(&self) -> &[Pixel] {
        &self.pixels
    }

    /// A finger at this pixel.
    pub fn touch(&self, x: f32, y: f32, phase: Phase) {
        let position = slint::LogicalPosition::new(x, y);
        let button = PointerEventButton::Left;
        let event = match phase {
            Phase::Down => WindowEvent::PointerPressed { position, button },
            Phase::Move => WindowEvent::PointerMoved { position },
            Phase::Up => WindowEvent::PointerReleased { position, button },
        };
        let _ = self.window.dispatch_event_with_result(event);
    }

    /// A copy of the last frame.
    pub fn frame(&self) -> Frame {
        Frame { panel: self.panel, pixels: self.pixels.clone() }
    }

    /// Writes the last frame as a PNG.
    pub fn save_png(&self, path: &Path) -> io::Result<()> {
        self.frame().save_png(path)
    }
}

const fn rgb(pixel: Pixel) -> [u8; 3] {
    [pixel.red, pixel.green, pixel.blue]
}

/// One frame, to be kept.
#[derive(Clone, Debug)]
pub struct Frame {
    panel: Panel,
    pixels: Vec<Pixel>,
}

impl Frame {
    /// Writes it as a PNG.
    pub fn save_png(&self, path: &Path) -> io::Result<()> {
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), self.panel.width, self.panel.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let bytes: Vec<u8> = self.pixels.iter().copied().flat_map(rgb).collect();
        encoder.write_header()?.write_image_data(&bytes)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use pump_core::screen::{Control, Face, Intent, Level, LinkHealth, Screen, Source};
    use pump_protocol::quantity::Dose;

    use super::*;
    use crate::adapters::{
        fixtures::{OFFER, page},
        slint::Window,
    };

    #[test]
    fn a_page_is_drawn_held_and_saved_without_a_display() {
        let mut display = Headless::install(Panel::FIVE_INCH).expect("a thread without a platform");
        let heard = Rc::new(RefCell::new(Vec::new()));
        let telling = Rc::clone(&heard);
        let mut window = Window::new(move |intent| telling.borrow_mut().push(intent)).expect("a window");
        window.fit(Panel::FIVE_INCH);
        window.show().expect("a window that shows");
        let ready = page(Face::Ready(OFFER));
        window.apply(&ready);
        assert!(display.render(), "a page");
        assert!(!display.render(), "and no second time");
        window.apply(&ready);
        assert!(!display.render(), "the same screen is not drawn again");

        display.touch(360.0, 830.0, Phase::Down);
        display.advance(Duration::from_millis(1500));
        display.touch(360.0, 830.0, Phase::Up);
        let heard = heard.take();
        let touch = |level| Intent::Touch { control: Control::Dose, level, source: Source::Touchscreen };
        assert!(heard.iter().filter(|intent| **intent == touch(Level::Pressed)).count() > 15, "{heard:?}");
        // proves R-DEV-01
        assert_eq!(heard.last(), Some(&touch(Level::Released)));

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ready.png");
        display.save_png(&file).expect("a picture");
        assert!(file.metadata().expect("a file").len() > 1000);
    }

    #[test]
    fn what_is_drawn_in_parts_is_what_would_be_drawn_whole() {
        use pump_core::screen::{NotGiven, Notice, Stop};
        use pump_protocol::{clock::WallTime, quantity::Millis};

        let mut display = Headless::install(Panel::FIVE_INCH).expect("a thread without a platform");
        let mut window = Window::new(|_| {}).expect("a window");
        window.fit(Panel::FIVE_INCH);
        window.show().expect("a window that shows");
        let dose = Dose::from_micrograms(50);
        let (remaining, stop) = (Millis::from_secs(9), Stop::Offered);
        let faces = [
            Face::Ready(OFFER),
            Face::Asking { dose, stop: None },
            Face::NotSure { dose, asked_at: None, stop },
            Face::Delivering { dose, delivered: dose, remaining, permille: 500, stop },
            Face::Given { dose, at: None },
            Face::NotGiven(NotGiven::Interrupted),
        ];
        for turn in 0..90_u32 {
            let every = |turns: u32| turn.is_multiple_of(turns);
            let face = faces[(turn * 7 / 3) as usize % faces.len()].clone();
            window.apply(&Screen {
                clock: Ok(WallTime { unix_ms: i64::from(turn / 2) * 60_000 * 61, utc_offset_min: 0 }),
                link: if every(5) { LinkHealth::Looking } else { LinkHealth::Near },
                heard_min_ago: Some(turn / 9),
                notice: every(4).then_some(Notice::Refused),
                ..Screen::alone(face)
            });
            display.advance(Duration::from_millis(16));
            display.render();
            if turn % 13 != 12 {
                continue; // a whole frame in between would mend what the parts have missed
            }
            let in_parts = display.pixels().to_vec();
            display.draw_all();
            let differ = in_parts.iter().zip(display.pixels()).filter(|(a, b)| rgb(**a) != rgb(**b)).count();
            assert_eq!(differ, 0, "turn {turn}: pixels that stood since an earlier page");
        }
    }
}
