//! A contact sheet: every page at a glance, small enough to see what stands out and large enough to read the state.

use std::path::Path;

use pump_remote::adapters::slint::Panel;
use slint::{Rgba8Pixel, SharedPixelBuffer};

use crate::pages::save;

/// Pages in a row.
const ACROSS: usize = 12;
/// Pixels between two pages.
const GAP: usize = 6;

pub(crate) struct Sheet {
    /// So many pixels of a page become one of the sheet, each way.
    shrink: usize,
    width: usize,
    height: usize,
    pages: Vec<Vec<Rgba8Pixel>>,
}

impl Sheet {
    pub(crate) fn new(panel: Panel) -> Self {
        let shrink = if panel.width < panel.height { 3 } else { 2 };
        let [width, height] = [panel.width, panel.height].map(|side| side as usize / shrink);
        Self { shrink, width, height, pages: Vec::new() }
    }

    pub(crate) fn add(&mut self, picture: &SharedPixelBuffer<Rgba8Pixel>) {
        let (pixels, stride) = (picture.as_slice(), picture.width() as usize);
        let mean = |x: usize, y: usize| {
            let block = (0..self.shrink * self.shrink).map(|nth| {
                pixels[(y * self.shrink + nth / self.shrink) * stride + x * self.shrink + nth % self.shrink]
            });
            let sum = block.fold([0_usize; 3], |sum, it| {
                [sum[0] + usize::from(it.r), sum[1] + usize::from(it.g), sum[2] + usize::from(it.b)]
            });
            let [r, g, b] = sum.map(|sum| u8::try_from(sum / (self.shrink * self.shrink)).expect("a mean of bytes"));
            Rgba8Pixel { r, g, b, a: 255 }
        };
        self.pages.push((0..self.width * self.height).map(|at| mean(at % self.width, at / self.width)).collect());
    }

    pub(crate) fn save(&self, path: &Path) {
        let rows = self.pages.len().div_ceil(ACROSS);
        let (width, height) = (ACROSS * (self.width + GAP) + GAP, rows * (self.height + GAP) + GAP);
        let grey = Rgba8Pixel { r: 110, g: 110, b: 110, a: 255 };
        let mut whole = vec![grey; width * height];
        for (nth, page) in self.pages.iter().enumerate() {
            let (left, top) = (GAP + nth % ACROSS * (self.width + GAP), GAP + nth / ACROSS * (self.height + GAP));
            for (row, line) in page.chunks(self.width).enumerate() {
                let at = (top + row) * width + left;
                whole[at..at + self.width].copy_from_slice(line);
            }
        }
        let side = |side: usize| u32::try_from(side).expect("a sheet that fits");
        let mut picture = SharedPixelBuffer::new(side(width), side(height));
        picture.make_mut_slice().copy_from_slice(&whole);
        save(path, &picture);
    }
}
