//! A display for one test: the remote's window on a mocked clock, with a finger and with keys.

use std::{cell::RefCell, rc::Rc, time::Duration};

use i_slint_backend_testing::{
    AccessibleRole, ElementHandle, ElementQuery, TestingBackend, TestingBackendOptions, mock_elapsed_time,
};
use pump_core::screen::{Intent, Screen};
use pump_remote::adapters::slint::{Looks, Panel, Window};
use slint::{
    ComponentHandle, LogicalPosition, Rgba8Pixel, SharedPixelBuffer,
    platform::{Key, PointerEventButton, WindowEvent},
};

use crate::story;

pub(crate) struct Display {
    pub(crate) window: Window,
    heard: Rc<RefCell<Vec<Intent>>>,
}

impl Display {
    pub(crate) fn new(panel: Panel) -> Self {
        Self::choosing(panel, |_| {})
    }

    pub(crate) fn choosing(panel: Panel, choose: impl Fn(Looks) + 'static) -> Self {
        // A thread has one platform: a test that runs on the thread of an earlier one finds it there.
        let _ = slint::platform::set_platform(Box::new(TestingBackend::new(TestingBackendOptions {
            mock_time: true,
            threading: false,
            renderer_name: Some("software".into()),
        })));
        let heard = Rc::new(RefCell::new(Vec::new()));
        let telling = Rc::clone(&heard);
        let tell = move |intent| telling.borrow_mut().push(intent);
        let window = Window::choosing(tell, choose).expect("a window");
        window.introduce(&story::card());
        window.fit(panel);
        window.show().expect("a window that shows");
        Self { window, heard }
    }

    pub(crate) fn apply(&mut self, screen: &Screen) {
        self.window.apply(screen);
        self.pass(1);
    }

    /// What was told since the last time.
    pub(crate) fn heard(&self) -> Vec<Intent> {
        self.heard.take()
    }

    /// Lets time pass in steps of a frame, and draws what comes of it.
    pub(crate) fn pass(&self, milliseconds: u64) {
        let mut left = milliseconds;
        while left > 0 {
            let step = left.min(10);
            mock_elapsed_time(Duration::from_millis(step));
            left -= step;
        }
        self.window.component().window().request_redraw();
    }

    pub(crate) fn snapshot(&self) -> SharedPixelBuffer<Rgba8Pixel> {
        self.window.component().window().take_snapshot().expect("a picture")
    }

    pub(crate) fn elements(&self, id: &str) -> Vec<ElementHandle> {
        ElementHandle::find_by_element_id(self.window.component(), id).collect()
    }

    /// Everything on the page; what takes no room is not on it.
    pub(crate) fn everything(&self) -> Vec<Seen> {
        let all = ElementQuery::from_root(self.window.component()).match_descendants().find_all();
        all.iter().map(Seen::of).filter(|seen| seen.width * seen.height > 0.0).collect()
    }

    pub(crate) fn down(&self, at: LogicalPosition) {
        self.dispatch(WindowEvent::PointerPressed { position: at, button: PointerEventButton::Left });
    }

    pub(crate) fn slide(&self, to: LogicalPosition) {
        self.dispatch(WindowEvent::PointerMoved { position: to });
    }

    pub(crate) fn up(&self, at: LogicalPosition) {
        self.dispatch(WindowEvent::PointerReleased { position: at, button: PointerEventButton::Left });
    }

    pub(crate) fn key_down(&self, key: Key) {
        self.dispatch(WindowEvent::KeyPressed { text: key.into() });
    }

    pub(crate) fn key_repeats(&self, key: Key) {
        self.dispatch(WindowEvent::KeyPressRepeated { text: key.into() });
    }

    pub(crate) fn key_up(&self, key: Key) {
        self.dispatch(WindowEvent::KeyReleased { text: key.into() });
    }

    pub(crate) fn hit(&self, key: Key) {
        self.key_down(key);
        self.key_up(key);
    }

    pub(crate) fn dispatch(&self, event: WindowEvent) {
        let _ = self.window.component().window().dispatch_event_with_result(event);
    }
}

/// What is known of one element, asked once.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) label: String,
    pub(crate) role: Option<AccessibleRole>,
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl Seen {
    pub(crate) fn of(element: &ElementHandle) -> Self {
        let (at, size) = (element.absolute_position(), element.size());
        Self {
            id: element.id().unwrap_or_default().into(),
            kind: element.type_name().unwrap_or_default().into(),
            label: element.accessible_label().unwrap_or_default().into(),
            role: element.accessible_role(),
            x: at.x,
            y: at.y,
            width: size.width,
            height: size.height,
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        ["Sentence", "FitText", "Countdown"].contains(&self.kind.as_str())
    }

    pub(crate) fn right(&self) -> f32 {
        self.x + self.width
    }

    pub(crate) fn bottom(&self) -> f32 {
        self.y + self.height
    }

    /// Whether two elements share more than their edges; a line's box is a fifth higher than what is written in it.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let leading = self.height.min(other.height) / 5.0;
        self.right() > other.x + 1.0
            && other.right() > self.x + 1.0
            && self.bottom() > other.y + leading
            && other.bottom() > self.y + leading
    }

    pub(crate) fn contains(&self, inner: &Self) -> bool {
        inner.x >= self.x - 1.0
            && inner.y >= self.y - 1.0
            && inner.right() <= self.right() + 1.0
            && inner.bottom() <= self.bottom() + 1.0
    }

    /// Whether two elements stand at one place: a component's use and its root do, and a ring and its control.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.contains(other) && other.contains(self)
    }

    /// Whether a sign stands at the height of a word, before it or within it.
    pub(crate) fn is_beside(&self, word: &Self) -> bool {
        let middle = self.y + self.height / 2.0;
        middle > word.y && middle < word.bottom() && self.x < word.right()
    }
}

pub(crate) fn middle(element: &ElementHandle) -> LogicalPosition {
    let (at, size) = (element.absolute_position(), element.size());
    LogicalPosition::new(at.x + size.width / 2.0, at.y + size.height / 2.0)
}
