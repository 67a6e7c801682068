//! A display for one test: the remote's window on a mocked clock, with a finger.

use std::{cell::RefCell, rc::Rc, time::Duration};

use i_slint_backend_testing::{ElementHandle, TestingBackend, TestingBackendOptions, mock_elapsed_time};
use pump_core::screen::{Intent, Screen};
use pump_remote::adapters::slint::{Panel, Window};
use slint::{
    ComponentHandle, LogicalPosition, Rgba8Pixel, SharedPixelBuffer,
    platform::{PointerEventButton, WindowEvent},
};

pub(crate) struct Display {
    pub(crate) window: Window,
    heard: Rc<RefCell<Vec<Intent>>>,
}

impl Display {
    pub(crate) fn new(panel: Panel) -> Self {
        // A thread has one platform: a test that runs on the thread of an earlier one finds it there.
        let _ = slint::platform::set_platform(Box::new(TestingBackend::new(TestingBackendOptions {
            mock_time: true,
            threading: false,
            renderer_name: Some("software".into()),
        })));
        let heard = Rc::new(RefCell::new(Vec::new()));
        let telling = Rc::clone(&heard);
        let window = Window::new(move |intent| telling.borrow_mut().push(intent)).expect("a window");
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

    pub(crate) fn down(&self, at: LogicalPosition) {
        self.dispatch(WindowEvent::PointerPressed { position: at, button: PointerEventButton::Left });
    }

    pub(crate) fn slide(&self, to: LogicalPosition) {
        self.dispatch(WindowEvent::PointerMoved { position: to });
    }

    pub(crate) fn up(&self, at: LogicalPosition) {
        self.dispatch(WindowEvent::PointerReleased { position: at, button: PointerEventButton::Left });
    }

    fn dispatch(&self, event: WindowEvent) {
        let _ = self.window.component().window().dispatch_event_with_result(event);
    }
}

pub(crate) fn middle(element: &ElementHandle) -> LogicalPosition {
    let (at, size) = (element.absolute_position(), element.size());
    LogicalPosition::new(at.x + size.width / 2.0, at.y + size.height / 2.0)
}
