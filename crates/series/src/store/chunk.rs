//! A chunk: some thousands of points of one metric, with what they hold at most, at least and on average.

use super::bits::{BLOCK, Broken, Fields, Line};
use super::epochs::Epochs;
use super::floats::{Summary, Values, mean};

/// Points in a full chunk.
pub(super) const CHUNK: usize = 4096;
/// Points in a coarse part, of which the head tells the summary.
pub(super) const COARSE: usize = 512;

/// Whether points carry a step (an epoch).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Present {
    None,
    All,
    Some,
}

/// Points on their way to a chunk, column by column.
#[derive(Debug, Default, Clone)]
pub(super) struct Columns {
    pub(super) steps: Vec<Option<u64>>,
    pub(super) epochs: Vec<Option<f64>>,
    pub(super) times: Vec<i64>,
    pub(super) values: Vec<f64>,
}

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.epochs.clear();
        self.times.clear();
        self.values.clear();
    }
}

/// Where a series has come on each axis: what stands still or goes back is drawn where the series already is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) step: u64,
    pub(super) epoch: f64,
    pub(super) time: i64,
}

impl Place {
    /// Before the first point.
    pub(super) const START: Place = Place { step: 0, epoch: 0.0, time: i64::MIN };

    /// Where the next attempt starts: steps and epochs go back, time does not.
    pub(super) fn again(self) -> Place {
        Place { time: self.time, ..Place::START }
    }

    pub(super) fn go(&mut self, step: Option<u64>, epoch: Option<f64>, time: i64) {
        self.step = step.map_or(self.step, |step| step.max(self.step));
        self.epoch = epoch.map_or(self.epoch, |epoch| epoch.max(self.epoch));
        self.time = time.max(self.time);
    }
}

/// A part of a chunk, summed up in its head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Coarse {
    pub(super) place: Place,
    pub(super) sum: Summary,
}

/// What is known of a chunk without reading its points.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    pub(super) metric: u32,
    pub(super) count: u32,
    /// How many points of this metric come before.
    pub(super) start: u64,
    pub(super) attempt: u32,
    pub(super) steps: Present,
    pub(super) epochs: Present,
    /// Steps, epochs and times that go back somewhere within: read point by point.
    pub(super) back: [bool; 3],
    pub(super) sum: Summary,
    pub(super) first: f64,
    /// As printed, where the last point has them.
    pub(super) last_step: Option<u64>,
    pub(super) last_epoch: Option<f64>,
    pub(super) place_first: Place,
    pub(super) place_last: Place,
    /// One for every [`COARSE`] points; none where one would do.
    pub(super) coarse: Vec<Coarse>,
    pub(super) meta_len: u32,
    pub(super) bits_len: u32,
}

/// Least, most and so on of values.
pub(super) fn sum(values: &[f64]) -> Summary {
    let last = values.last().copied().unwrap_or(f64::NAN);
    let total: f64 = values.iter().sum();
    if total.is_finite() && last.is_finite() {
        // Nearly always. A finite total means that every value is finite.
        let (mut min, mut max) = (last, last);
        for value in values {
            min = if *value < min { *value } else { min };
            max = if *value > max { *value } else { max };
        }
        let mean = (total / values.len() as f64).clamp(min, max);
        return Summary { min, max, mean, last, nan: 0, infinite: 0 };
    }
    let (mut min, mut max, mut nan, mut infinite) = (f64::NAN, f64::NAN, 0, 0);
    for value in values {
        if value.is_finite() {
            min = min.min(*value);
            max = max.max(*value);
        } else if value.is_nan() {
            nan += 1;
        } else {
            infinite += 1;
        }
    }
    let mean = mean(values);
    let mean = if min <= max { mean.clamp(min, max) } else { mean };
    Summary { min, max, mean, last, nan, infinite }
}

fn present<T>(column: &[Option<T>]) -> Present {
    match column.iter().filter(|one| one.is_some()).count() {
        0 => Present::None,
        count if count == column.len() => Present::All,
        _ => Present::Some,
    }
}

/// Makes a chunk of `columns`, which follow `start` points of the metric and the place `before`.
pub(super) fn seal(
    metric: u32,
    attempt: u32,
    start: u64,
    before: Place,
    columns: &Columns,
) -> (Head, Vec<u8>, Vec<u8>) {
    let count = columns.len();
    let mut back = [false; 3];
    let mut place = before;
    let mut places = Vec::with_capacity(count.div_ceil(COARSE));
    let mut first = None;
    for at in 0..count {
        let (step, epoch, time) = (columns.steps[at], columns.epochs[at], columns.times[at]);
        back[0] |= step.is_some_and(|step| step < place.step);
        back[1] |= epoch.is_some_and(|epoch| epoch < place.epoch);
        back[2] |= time < place.time;
        place.go(step, epoch, time);
        first.get_or_insert(place);
        if at % COARSE == 0 {
            places.push(place);
        }
    }
    let (mut meta, mut bits) = (Vec::with_capacity(1024), Vec::with_capacity(2 * count));
    let (steps, epochs) = (present(&columns.steps), present(&columns.epochs));
    write_optional(&columns.steps, steps, 0, &mut meta, |column, meta| Line::write(column, meta, &mut bits));
    write_optional(&columns.epochs, epochs, 0.0, &mut meta, |column, meta| Epochs::write(column, meta, &mut bits));
    let times: Vec<u64> = columns.times.iter().map(|time| time.cast_unsigned()).collect();
    Line::write(&times, &mut meta, &mut bits);
    Values::write(&columns.values, &mut meta, &mut bits);
    let coarse = if count <= COARSE {
        Vec::new()
    } else {
        places
            .iter()
            .zip(columns.values.chunks(COARSE))
            .map(|(place, values)| Coarse { place: *place, sum: sum(values) })
            .collect()
    };
    let head = Head {
        metric,
        count: count as u32,
        start,
        attempt,
        steps,
        epochs,
        back,
        sum: sum(&columns.values),
        first: columns.values.first().copied().unwrap_or(f64::NAN),
        last_step: columns.steps.last().copied().flatten(),
        last_epoch: columns.epochs.last().copied().flatten(),
        place_first: first.unwrap_or(before),
        place_last: place,
        coarse,
        meta_len: meta.len() as u32,
        bits_len: bits.len() as u32,
    };
    (head, meta, bits)
}

/// Writes a column in which some points have nothing: a bit for each, and the neighbour's number in its place.
fn write_optional<T: Copy>(
    column: &[Option<T>],
    present: Present,
    zero: T,
    meta: &mut Vec<u8>,
    write: impl FnOnce(&[T], &mut Vec<u8>),
) {
    if present == Present::None {
        return;
    }
    if present == Present::Some {
        for eight in column.chunks(8) {
            meta.push((0..).zip(eight).fold(0, |byte, (bit, one)| byte | u8::from(one.is_some()) << bit));
        }
    }
    let mut before = zero;
    let filled: Vec<T> = column
        .iter()
        .map(|one| {
            before = one.unwrap_or(before);
            before
        })
        .collect();
    write(&filled, meta);
}

fn write_sum(sum: &Summary, out: &mut Vec<u8>) {
    for value in [sum.min, sum.max, sum.mean, sum.last] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&sum.nan.to_le_bytes());
    out.extend_from_slice(&sum.infinite.to_le_bytes());
}

fn read_sum(fields: &mut Fields<'_>) -> Result<Summary, Broken> {
    let (min, max, mean, last) = (fields.f64()?, fields.f64()?, fields.f64()?, fields.f64()?);
    Ok(Summary { min, max, mean, last, nan: fields.u32()?, infinite: fields.u32()? })
}

fn write_place(place: Place, out: &mut Vec<u8>) {
    out.extend_from_slice(&place.step.to_le_bytes());
    out.extend_from_slice(&place.epoch.to_le_bytes());
    out.extend_from_slice(&place.time.to_le_bytes());
}

fn read_place(fields: &mut Fields<'_>) -> Result<Place, Broken> {
    Ok(Place { step: fields.u64()?, epoch: fields.f64()?, time: fields.i64()? })
}

impl Present {
    fn tag(self) -> u8 {
        match self {
            Present::None => 0,
            Present::All => 1,
            Present::Some => 2,
        }
    }

    fn from_tag(tag: u8) -> Present {
        match tag {
            0 => Present::None,
            1 => Present::All,
            _ => Present::Some,
        }
    }
}

impl Head {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.metric.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.start.to_le_bytes());
        out.extend_from_slice(&self.attempt.to_le_bytes());
        let back = (0..).zip(self.back).fold(0, |byte, (bit, back)| byte | u8::from(back) << bit);
        let ends = u8::from(self.last_step.is_some()) | u8::from(self.last_epoch.is_some()) << 1;
        out.extend_from_slice(&[self.steps.tag(), self.epochs.tag(), back, ends]);
        write_sum(&self.sum, out);
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.last_step.unwrap_or(0).to_le_bytes());
        out.extend_from_slice(&self.last_epoch.unwrap_or(0.0).to_le_bytes());
        write_place(self.place_first, out);
        write_place(self.place_last, out);
        out.extend_from_slice(&self.meta_len.to_le_bytes());
        out.extend_from_slice(&self.bits_len.to_le_bytes());
        for part in &self.coarse {
            write_place(part.place, out);
            write_sum(&part.sum, out);
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Head, Broken> {
        let mut fields = Fields(bytes);
        let (metric, count, start, attempt) = (fields.u32()?, fields.u32()?, fields.u64()?, fields.u32()?);
        let (steps, epochs) = (Present::from_tag(fields.u8()?), Present::from_tag(fields.u8()?));
        let (back, ends) = (fields.u8()?, fields.u8()?);
        let sum = read_sum(&mut fields)?;
        let first = fields.f64()?;
        let (last_step, last_epoch) = (fields.u64()?, fields.f64()?);
        let (place_first, place_last) = (read_place(&mut fields)?, read_place(&mut fields)?);
        let (meta_len, bits_len) = (fields.u32()?, fields.u32()?);
        let mut coarse = Vec::new();
        while !fields.0.is_empty() {
            coarse.push(Coarse { place: read_place(&mut fields)?, sum: read_sum(&mut fields)? });
        }
        if count == 0 || count as usize > 2 * CHUNK {
            return Err("a chunk of an impossible size");
        }
        if !(coarse.is_empty() || coarse.len() == (count as usize).div_ceil(COARSE)) {
            return Err("a chunk whose parts do not add up");
        }
        Ok(Head {
            metric,
            count,
            start,
            attempt,
            steps,
            epochs,
            back: [back & 1 != 0, back & 2 != 0, back & 4 != 0],
            sum,
            first,
            last_step: (ends & 1 != 0).then_some(last_step),
            last_epoch: (ends & 2 != 0).then_some(last_epoch),
            place_first,
            place_last,
            coarse,
            meta_len,
            bits_len,
        })
    }
}

/// A chunk's points: the columns' own heads at once, blocks of 64 when asked for.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) meta: Vec<u8>,
    count: usize,
    steps: Option<Line>,
    /// Where the bits start that tell which points have a step.
    steps_present: Option<usize>,
    epochs: Option<Epochs>,
    epochs_present: Option<usize>,
    times: Line,
    values: Values,
}

impl Body {
    pub(super) fn read(head: &Head, meta: Vec<u8>) -> Result<Body, Broken> {
        let count = head.count as usize;
        let mut fields = Fields(&meta);
        let mut start = 0;
        let bitmap = |present: Present, fields: &mut Fields<'_>| -> Result<Option<usize>, Broken> {
            if present != Present::Some {
                return Ok(None);
            }
            let at = meta.len() - fields.0.len();
            fields.bytes(count.div_ceil(8))?;
            Ok(Some(at))
        };
        let steps_present = bitmap(head.steps, &mut fields)?;
        let steps = match head.steps {
            Present::None => None,
            _ => Some(Line::read(&meta, &mut fields, count, &mut start)?),
        };
        let epochs_present = bitmap(head.epochs, &mut fields)?;
        let epochs = match head.epochs {
            Present::None => None,
            _ => Some(Epochs::read(&meta, &mut fields, count, &mut start)?),
        };
        let times = Line::read(&meta, &mut fields, count, &mut start)?;
        let values = Values::read(&meta, &mut fields, count, &mut start)?;
        if start != head.bits_len {
            return Err("a chunk whose columns do not add up");
        }
        Ok(Body { meta, count, steps, steps_present, epochs, epochs_present, times, values })
    }

    pub(super) fn blocks(&self) -> usize {
        self.count.div_ceil(BLOCK)
    }

    pub(super) fn block_len(&self, block: usize) -> usize {
        (self.count - block * BLOCK).min(BLOCK)
    }

    pub(super) fn summary(&self, block: usize) -> Summary {
        self.values.summary(&self.meta, block)
    }

    pub(super) fn first_step(&self, block: usize) -> Option<u64> {
        Some(self.steps.as_ref()?.first(&self.meta, block))
    }

    pub(super) fn first_epoch(&self, block: usize) -> Option<f64> {
        Some(self.epochs.as_ref()?.first(&self.meta, block))
    }

    pub(super) fn first_time(&self, block: usize) -> i64 {
        self.times.first(&self.meta, block).cast_signed()
    }

    /// The steps of a block, each with its neighbour's where it has none.
    pub(super) fn steps(&self, bits: &[u8], block: usize, out: &mut [u64]) -> bool {
        let Some(steps) = &self.steps else { return false };
        steps.block(&self.meta, bits, block, out);
        true
    }

    pub(super) fn epochs(&self, bits: &[u8], block: usize, out: &mut [f64]) -> bool {
        let Some(epochs) = &self.epochs else { return false };
        epochs.block(&self.meta, bits, block, out);
        true
    }

    pub(super) fn times(&self, bits: &[u8], block: usize, out: &mut [u64]) {
        self.times.block(&self.meta, bits, block, out);
    }

    pub(super) fn values(&self, bits: &[u8], block: usize, out: &mut [f64]) {
        self.values.block(&self.meta, bits, block, out);
    }

    fn has(&self, bitmap: Option<usize>, at: usize) -> bool {
        bitmap.is_none_or(|start| self.meta[start + at / 8] >> (at % 8) & 1 == 1)
    }

    /// Every point of a block, as they were written.
    pub(super) fn points(&self, bits: &[u8], block: usize, out: &mut Columns) {
        let len = self.block_len(block);
        let (mut steps, mut epochs, mut times, mut values) = ([0; BLOCK], [0.0; BLOCK], [0; BLOCK], [0.0; BLOCK]);
        let has_steps = self.steps(bits, block, &mut steps[..len]);
        let has_epochs = self.epochs(bits, block, &mut epochs[..len]);
        self.times(bits, block, &mut times[..len]);
        self.values(bits, block, &mut values[..len]);
        for at in 0..len {
            let nth = block * BLOCK + at;
            out.steps.push((has_steps && self.has(self.steps_present, nth)).then_some(steps[at]));
            out.epochs.push((has_epochs && self.has(self.epochs_present, nth)).then_some(epochs[at]));
            out.times.push(times[at].cast_signed());
            out.values.push(values[at]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Row = (Option<u64>, Option<f64>, i64, f64);

    fn check(rows: &[Row]) {
        let mut columns = Columns::default();
        for (step, epoch, time, value) in rows {
            columns.steps.push(*step);
            columns.epochs.push(*epoch);
            columns.times.push(*time);
            columns.values.push(*value);
        }
        let (head, meta, bits) = seal(3, 1, 77, Place::START, &columns);
        let mut written = Vec::new();
        head.write(&mut written);
        let read = Head::read(&written).unwrap();
        assert_eq!(format!("{read:?}"), format!("{head:?}"));
        let body = Body::read(&read, meta).unwrap();
        let mut back = Columns::default();
        for block in 0..body.blocks() {
            body.points(&bits, block, &mut back);
        }
        assert_eq!((back.steps, back.epochs, back.times), (columns.steps, columns.epochs, columns.times));
        assert!(back.values.iter().zip(&columns.values).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_points_come_back(rows in proptest::collection::vec(
            (proptest::option::of(0_u64..1000), proptest::option::of(0.0..10.0), any::<i64>(), any::<f64>()), 1..1200
        )) {
            check(&rows);
        }
    }

    #[test]
    fn a_typical_chunk_takes_less_than_three_bytes_a_point() {
        let mut columns = Columns::default();
        for at in 0..CHUNK as u64 {
            let noise = (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / f64::from(1 << 24);
            columns.steps.push(Some(at * 10));
            columns.epochs.push(Some((at as f64 / 469.0 * 1e6).round() / 1e6));
            columns.times.push(1_763_666_000_000 + (at * 53 + (at * 7919) % 6).cast_signed());
            columns.values.push(((2.0 / (1.0 + at as f64 / 1000.0) + noise * 0.1) * 1e4).round() / 1e4);
        }
        let (head, meta, bits) = seal(0, 0, 0, Place::START, &columns);
        let mut written = Vec::new();
        head.write(&mut written);
        let each = (written.len() + meta.len() + bits.len()) as f64 / CHUNK as f64;
        assert!(each < 3.0, "{each} bytes a point");
    }
}
