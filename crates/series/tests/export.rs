//! What is exported is what was kept.

use std::fs;
use std::io::Write;

use curfew_series::store::{MetricId, Reader, Writer};
use curfew_series::tbevents::EventFolder;
use curfew_series::{Error, Point, export, tbevents};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

fn store(dir: &std::path::Path) -> Reader {
    let mut writer = Writer::open(dir).unwrap();
    for step in 0..5_000_u32 {
        let value = if step == 7 { f64::NAN } else { 1.0 / f64::from(step + 1) };
        let time_ms = 1_763_666_000_123 + i64::from(step);
        let (step, epoch) = (Some(step.into()), Some(f64::from(step / 1_000)));
        writer.append(&Point { metric: "loss", rank: None, step, epoch, time_ms, value }).unwrap();
    }
    let odd =
        Point { metric: "a \"b\", c", rank: Some(2), step: None, epoch: None, time_ms: 0, value: f64::NEG_INFINITY };
    writer.append(&odd).unwrap();
    drop(writer);
    Reader::open(dir).unwrap()
}

fn exported(reader: &Reader, export: impl Fn(&Reader, &[MetricId], &mut Vec<u8>) -> Result<(), Error>) -> Vec<u8> {
    let mut out = Vec::new();
    export(reader, &[], &mut out).unwrap();
    out
}

#[test]
fn csv_holds_every_point() {
    let dir = tempfile::tempdir().unwrap();
    let reader = store(dir.path());
    let text = String::from_utf8(exported(&reader, export::csv)).unwrap();
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1 + 5_001);
    assert_eq!(lines[0], "metric,rank,step,epoch,time,value,attempt,overridden");
    assert_eq!(lines[1], "\"a \"\"b\"\", c\",2,,,1970-01-01T00:00:00.000Z,-Infinity,0,false");
    assert_eq!(lines[2], "loss,,0,0,2025-11-20T19:13:20.123Z,1,0,false");
    assert_eq!(lines[9], "loss,,7,0,2025-11-20T19:13:20.130Z,NaN,0,false");
    let mut one = Vec::new();
    export::csv(&reader, &[reader.find("loss", None).unwrap()], &mut one).unwrap();
    assert_eq!(String::from_utf8(one).unwrap().lines().count(), 1 + 5_000);
}

#[test]
fn json_holds_every_point() {
    let dir = tempfile::tempdir().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&exported(&store(dir.path()), export::json)).unwrap();
    let loss = &json["metrics"][1];
    assert_eq!((loss["name"].as_str(), loss["points"].as_array().map(Vec::len)), (Some("loss"), Some(5_000)));
    assert_eq!(loss["points"][7]["value"], "NaN");
    assert_eq!(loss["points"][4_999]["value"], 1.0 / 5_000.0);
    assert_eq!(json["metrics"][0]["rank"], 2);
}

#[test]
fn parquet_holds_every_point() {
    let dir = tempfile::tempdir().unwrap();
    let reader = store(dir.path());
    let path = dir.path().join("series.parquet");
    export::parquet(&reader, &[], &mut fs::File::create(&path).unwrap()).unwrap();
    let file = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
    let rows: Vec<_> = file.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5_001);
    assert_eq!(rows[0].get_string(0).unwrap(), "a \"b\", c");
    assert_eq!((rows[0].get_uint(1).unwrap(), rows[0].is_null(2).unwrap()), (2, true));
    let last = &rows[5_000];
    assert_eq!((last.get_ulong(2).unwrap(), last.get_double(3).unwrap().to_bits()), (4_999, 4.0_f64.to_bits()));
    assert_eq!(
        (last.get_long(4).unwrap(), last.get_double(5).unwrap().to_bits()),
        (1_763_666_005_122, (1.0_f64 / 5_000.0).to_bits())
    );
    assert!(rows[8].get_double(5).unwrap().is_nan());
}

#[test]
fn a_file_is_saved_whole_or_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let reader = store(&dir.path().join("series"));
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    let path = out.join("series.csv");
    fs::write(&path, "before").unwrap();
    export::Format::Csv.save(&reader, &[], &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1 + 5_001);
    // A chunk that cannot be read: half an export is none.
    let chunks = dir.path().join("series/series.chunks");
    let mut bytes = fs::read(&chunks).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&chunks, bytes).unwrap();
    let reader = Reader::open(&dir.path().join("series")).unwrap();
    for format in [export::Format::Csv, export::Format::Json, export::Format::Parquet, export::Format::TensorBoard] {
        assert!(matches!(format.save(&reader, &[], &path), Err(Error::Corrupt { .. })));
    }
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1 + 5_001);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "nothing is left behind");
    let error = export::Format::Csv.save(&reader, &[], &dir.path().join("no/such/folder.csv")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[test]
fn events_written_are_events_read_as_the_file_grows() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = exported(&store(dir.path()), export::tensorboard);
    let logs = dir.path().join("logs/validation");
    fs::create_dir_all(&logs).unwrap();
    let path = logs.join("events.out.tfevents.1.host");
    let mut folder = EventFolder::new(&dir.path().join("logs"));
    let mut file = fs::File::create(&path).unwrap();
    let mut seen = Vec::new();
    // Cut at odd places, as a reader beside the writer finds it.
    for piece in bytes.chunks(10_007) {
        file.write_all(piece).unwrap();
        folder.read(&mut |point| seen.push((point.metric.to_owned(), point.step, point.time_ms, point.value))).unwrap();
    }
    assert_eq!(seen.len(), 5_001);
    assert_eq!(seen[0], ("validation/rank2/a \"b\", c".into(), Some(0), 0, f64::NEG_INFINITY));
    assert_eq!(seen[5_000], ("validation/loss".into(), Some(4_999), 1_763_666_005_122, f64::from(1.0_f32 / 5_000.0)));
    assert!(seen[8].3.is_nan());
    let mut damaged = bytes;
    damaged[40] ^= 1;
    fs::write(&path, damaged).unwrap();
    let error = tbevents::read(&path, 0, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

/// Lightning and Hugging Face's Trainer log the epoch beside their metrics.
#[test]
fn an_epoch_among_events_is_no_metric() {
    let dir = tempfile::tempdir().unwrap();
    let (series, logs) = (dir.path().join("series"), dir.path().join("logs"));
    fs::create_dir_all(&series).unwrap();
    fs::create_dir_all(&logs).unwrap();
    let mut writer = Writer::open(&series).unwrap();
    for (metric, value) in [("epoch", 1.0), ("train/epoch", 1.0), ("train/loss", 0.5), ("epoch_loss", 0.25)] {
        writer.append(&Point { metric, rank: None, step: Some(1), epoch: None, time_ms: 1_000, value }).unwrap();
    }
    drop(writer);
    let mut file = fs::File::create(logs.join("events.out.tfevents.1.host")).unwrap();
    export::tensorboard(&Reader::open(&series).unwrap(), &[], &mut file).unwrap();
    let mut seen = Vec::new();
    EventFolder::new(&logs).read(&mut |point| seen.push(point.metric.to_owned())).unwrap();
    seen.sort();
    assert_eq!(seen, ["epoch_loss", "train/loss"]);
}
