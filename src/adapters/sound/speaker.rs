//! A desktop's speaker, through `rodio`. Opened for each burst, so that headphones that come or go are heard by the next one.

use std::num::{NonZeroU16, NonZeroU32};

use rodio::{DeviceSinkBuilder, MixerDeviceSink, Player, buffer::SamplesBuffer};

use super::{Voice, synthesizer::RATE_HZ};

/// The system's default output.
#[derive(Default)]
pub struct Speaker {
    playing: Option<(Player, MixerDeviceSink)>,
    /// Said once, until it works again.
    dumb: bool,
}

impl Voice for Speaker {
    fn say(&mut self, samples: Vec<i16>) {
        self.hush();
        match DeviceSinkBuilder::open_default_sink() {
            Ok(mut sink) => {
                sink.log_on_drop(false);
                let player = Player::connect_new(sink.mixer());
                let wave = samples.into_iter().map(|sample| f32::from(sample) / f32::from(i16::MAX));
                let rate = NonZeroU32::new(RATE_HZ).unwrap_or(NonZeroU32::MIN);
                player.append(SamplesBuffer::new(NonZeroU16::MIN, rate, wave.collect::<Vec<_>>()));
                self.playing = Some((player, sink));
                self.dumb = false;
            }
            Err(error) if !self.dumb => {
                self.dumb = true;
                tracing::warn!(%error, "nothing can be heard: alarms are seen on the page alone");
            }
            Err(_) => {}
        }
    }

    fn hush(&mut self) {
        self.playing = None;
    }
}
