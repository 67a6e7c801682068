//! From a burst of pulses to samples: a fundamental with its harmonics, softly begun and ended (IEC 60601-1-8).
//!
//! # Promises
//! - Each pulse has its fundamental and every harmonic up to 4000 Hz, the first four of them within 15 dB of it.
//! - Nothing clips: the sum of all partials at their peaks is full scale.
//! - A pulse begins and ends at silence, so that nothing clicks.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a burst has fewer samples than an f32 counts exactly, and what is truncated is a fraction of one step in 65,536"
)]

use std::f32::consts::TAU;

use pump_core::annunciation::signal::Burst;

/// Samples a second, one channel.
pub const RATE_HZ: u32 = 48_000;
/// The highest harmonic that IEC 60601-1-8 counts, in thousandths of a hertz.
const HARMONIC_MAX_MILLIHERTZ: u32 = 4_000_000;
/// Each harmonic against the one below it: the fifth is 10 dB under the fundamental, within the standard's 15.
const FALL_OFF: f32 = 0.75;
/// How much of a pulse its rise takes, and its fall; 10 to 40 % by the standard, as an alarm chip's makers give it (Texas
/// Instruments SLAA841). Not verified in the standard itself.
const EDGE: f32 = 0.15;

// keeps R-ALM-20
/// The burst once, without the silence behind it.
pub fn samples(burst: &Burst) -> Vec<i16> {
    let mut samples = Vec::new();
    for (note, rest_ms) in burst.pulses {
        samples.extend(pulse(note.millihertz(), burst.pulse_ms));
        samples.resize(samples.len() + length(*rest_ms), 0);
    }
    samples
}

/// How much of its strength a soft cue keeps: 12 dB less.
const SOFT: i16 = 4;

/// The same, softer.
// keeps R-DSP-18
pub fn softened(samples: Vec<i16>) -> Vec<i16> {
    samples.into_iter().map(|sample| sample / SOFT).collect()
}

/// How many samples that many milliseconds are.
pub fn length(ms: u16) -> usize {
    usize::from(ms) * (RATE_HZ as usize / 1000)
}

fn pulse(millihertz: u32, ms: u16) -> impl Iterator<Item = i16> {
    let partials = partials(millihertz);
    let loudest: f32 = partials.iter().map(|(_, strength)| strength).sum();
    let len = length(ms);
    (0..len).map(move |at| {
        let wave: f32 = partials.iter().map(|(step, strength)| strength * (step * at as f32 % TAU).sin()).sum();
        (wave / loudest * envelope(at, len) * f32::from(i16::MAX)) as i16
    })
}

/// The fundamental and its harmonics: how far each turns from sample to sample, and how strong it is.
fn partials(millihertz: u32) -> Vec<(f32, f32)> {
    let step = |nth: u32| TAU * (nth * millihertz) as f32 / 1000.0 / RATE_HZ as f32;
    let audible = (1..).take_while(|nth| nth * millihertz <= HARMONIC_MAX_MILLIHERTZ);
    audible.zip(0..).map(|(nth, below)| (step(nth), FALL_OFF.powi(below))).collect()
}

/// 0 at both ends, 1 in between; raised cosines.
fn envelope(at: usize, len: usize) -> f32 {
    let edge = len as f32 * EDGE;
    let from_end = at.min(len.saturating_sub(1) - at) as f32;
    if from_end >= edge { 1.0 } else { 0.5 - 0.5 * (TAU / 2.0 * from_end / edge).cos() }
}

#[cfg(test)]
mod tests {
    use pump_core::{
        annunciation::signal::{HIGH_BURST, LOW_BURST, MEDIUM_BURST, Note},
        cues::{READY_BURST, REFUSED_BURST, REMINDER_BURST},
    };

    use super::*;

    const BURSTS: [&Burst; 6] = [&HIGH_BURST, &MEDIUM_BURST, &LOW_BURST, &READY_BURST, &REFUSED_BURST, &REMINDER_BURST];

    /// How strong one frequency is in these samples, by Goertzel's algorithm.
    fn strength(samples: &[i16], hertz: f64) -> f64 {
        let turn = 2.0 * (std::f64::consts::TAU * hertz / f64::from(RATE_HZ)).cos();
        let (last, before) =
            samples.iter().fold((0.0, 0.0), |(last, before), sample| (f64::from(*sample) + turn * last - before, last));
        (last * last + before * before - turn * last * before).max(0.0).sqrt() / samples.len() as f64
    }

    fn decibels(of: f64, against: f64) -> f64 {
        20.0 * (of / against).log10()
    }

    /// Where it sounds, in samples: from the first that is not silent to the last before a silence of 10 ms.
    fn sounding(samples: &[i16]) -> Vec<(usize, usize)> {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for (at, _) in samples.iter().enumerate().filter(|(_, sample)| sample.unsigned_abs() > 30) {
            match spans.last_mut() {
                Some((_, end)) if at - *end < length(10) => *end = at,
                _ => spans.push((at, at)),
            }
        }
        spans
    }

    #[test]
    fn every_pulse_is_there_at_its_time_and_as_long_as_it_should_be() {
        for burst in BURSTS {
            let samples = samples(burst);
            assert_eq!(samples.len() as u64, burst.length().get() * u64::from(RATE_HZ) / 1000);
            let spans = sounding(&samples);
            // proves R-ALM-20
            assert_eq!(spans.len(), burst.pulses.len(), "{burst:?}");
            let mut begins = 0;
            for ((from, to), (_, rest_ms)) in spans.into_iter().zip(burst.pulses) {
                let late_ms = (from - begins) * 1000 / RATE_HZ as usize;
                let lasts_ms = (to - from) * 1000 / RATE_HZ as usize;
                assert!(late_ms <= 5, "begins {late_ms} ms late");
                assert!(usize::from(burst.pulse_ms) - lasts_ms <= 10, "{lasts_ms} of {} ms", burst.pulse_ms);
                begins += length(burst.pulse_ms) + length(*rest_ms);
            }
        }
    }

    #[test]
    fn each_note_has_its_fundamental_and_four_harmonics_within_fifteen_decibels() {
        for note in [Note::C4, Note::D4, Note::E4, Note::G4, Note::C5] {
            let pulse: Vec<i16> = pulse(note.millihertz(), 200).collect();
            let fundamental = f64::from(note.millihertz()) / 1000.0;
            let loud = strength(&pulse, fundamental);
            let harmonics = (2..).map(|nth| f64::from(nth) * fundamental).take_while(|hertz| *hertz <= 4000.0);
            let near = harmonics.filter(|hertz| decibels(strength(&pulse, *hertz), loud).abs() <= 15.0).count();
            // proves R-ALM-20
            assert!(near >= 4, "{note:?} has {near} harmonics");
            for between in [fundamental * 1.5, fundamental * 2.5, 6_000.0, 9_000.0] {
                assert!(decibels(strength(&pulse, between), loud) < -30.0, "{note:?} sounds at {between} Hz");
            }
        }
    }

    #[test]
    fn nothing_clips_or_clicks_and_all_of_it_is_loud() {
        for burst in BURSTS {
            let samples = samples(burst);
            let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
            assert!((i16::MAX as u16 / 2..i16::MAX as u16).contains(&peak), "{peak}");
            assert_eq!((samples[0], samples[samples.len() - 1]), (0, 0));
            let steepest = samples.windows(2).map(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs()).max();
            assert!(steepest < Some(i32::from(i16::MAX) / 2), "{steepest:?}");
        }
    }
}
