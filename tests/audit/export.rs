//! The export: one file that proves itself.

use std::{fs, path::Path};

use ed25519_dalek::SigningKey;
use pump_remote::adapters::sqlite::{ExportError, View, is_export, verify_export, write_export};

use crate::common::{LINES, device, record, tamper};

async fn export(path: &Path, key: Option<&SigningKey>) -> Result<Vec<u8>, ExportError> {
    let view = View::open(path).await.unwrap();
    let mut bytes = Vec::new();
    write_export(view, key, &mut bytes).await.map(|_| bytes)
}

#[tokio::test]
async fn an_export_proves_what_the_record_does() {
    let (dir, path) = record();
    let out = dir.path().join("record.export");
    for key in [None, Some(device())] {
        fs::write(&out, export(&path, key.as_ref()).await.unwrap()).unwrap();
        assert!(is_export(&out).unwrap() && !is_export(&path).unwrap());
        let proved = verify_export(&out).unwrap();
        assert_eq!((proved.verified.records, proved.verified.checkpoints), (LINES, 1));
        // proves R-REC-04, R-REC-09
        assert_eq!(proved.signed, key.is_some());
    }
}

#[tokio::test]
async fn any_change_of_a_signed_export_is_found() {
    let (dir, path) = record();
    let whole = export(&path, Some(&device())).await.unwrap();
    let out = dir.path().join("record.export");
    // Every byte at the beginning and around the frames' edges, and a sample of the rest.
    let sample = (19..whole.len()).step_by(211).chain(0..160).chain(whole.len() - 200..whole.len());
    for offset in sample {
        let mut bytes = whole.clone();
        bytes[offset] ^= 0x01;
        fs::write(&out, bytes).unwrap();
        // proves R-REC-09
        assert!(verify_export(&out).is_err(), "offset {offset}");
    }
    for len in (19..whole.len()).step_by(997).chain([whole.len() - 1]) {
        fs::write(&out, &whole[..len]).unwrap();
        // Without its last frame it is an unsigned export: whole, and said to be unsigned.
        assert!(!verify_export(&out).is_ok_and(|proved| proved.signed), "cut to {len}");
    }
    fs::write(&out, [whole.as_slice(), &whole[19..]].concat()).unwrap();
    assert!(verify_export(&out).is_err(), "something behind the end");
}

#[tokio::test]
async fn a_bad_record_is_not_exported_as_a_good_one() {
    let (_dir, path) = record();
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq = 17"]).await;
    let error = export(&path, None).await.unwrap_err();
    assert!(error.to_string().starts_with("record 17:"), "{error}");
}

#[tokio::test]
async fn another_device_s_key_signs_nothing() {
    let (_dir, path) = record();
    let refused = export(&path, Some(&SigningKey::from_bytes(&[8; 32]))).await;
    assert!(matches!(refused, Err(ExportError::Key)));
}
