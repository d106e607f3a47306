//! What stands before a message: times, levels, launchers' marks, the round that boosters print.

/// What was found before the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Prefix {
    /// Where the message starts.
    pub(super) len: usize,
    pub(super) rank: Option<u32>,
    /// `[10]` + tab (XGBoost, LightGBM) or `10:` + tab (CatBoost).
    pub(super) round: Option<u64>,
    /// `10: ` and a message: a rank (srun --label) where the message has a step or an epoch of its own, else a step.
    pub(super) numbered: Option<u64>,
    /// `[2,  2000] `: an epoch and a step, where the message has neither.
    pub(super) place: Option<(u64, u64)>,
}

/// Reads what stands before the message.
pub(super) fn prefix(text: &[u8]) -> Prefix {
    let mut prefix = Prefix::default();
    // A time, a level, a logger's name and a mark, in whatever order: six are more than anybody prints.
    for _ in 0..6 {
        let rest = &text[prefix.len..];
        let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let rest = &rest[spaces..];
        let Some(first) = rest.first() else { break };
        let found = match first {
            b'[' => bracket(rest, &mut prefix),
            b'0'..=b'9' => digits(rest, &mut prefix),
            b'(' => ray(rest),
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => word(rest, &mut prefix),
            b'-' | b'|' | b':' if prefix.len > 0 && rest.get(1) == Some(&b' ') => 2,
            _ => 0,
        };
        if found == 0 {
            break;
        }
        prefix.len += spaces + found;
        if prefix.round.is_some() || prefix.numbered.is_some() || prefix.place.is_some() {
            break;
        }
    }
    prefix
}

fn count(text: &[u8], of: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|byte| of(**byte)).count()
}

fn whole(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

const LEVELS: &[&str] = &[
    "DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "NOTICE", "TRACE", "NOTSET", "STDOUT", "STDERR",
];

fn is_level(word: &[u8]) -> bool {
    LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level.as_bytes()))
}

/// `[10]⇥`, `[rank0]:`, `[1,3]<stdout>:`, `[1,mpirank:3,algo-2]<stdout>:`, `[INFO]`, `[2026-11-20 19:12:03]`.
fn bracket(text: &[u8], prefix: &mut Prefix) -> usize {
    let inner = count(&text[1..text.len().min(80)], |byte| byte != b']');
    if text.get(1 + inner) != Some(&b']') {
        return 0;
    }
    let word = text[1..=inner].trim_ascii();
    let mut end = inner + 2;
    let stream = [&b"<stdout>:"[..], b"<stderr>:", b"<stdout>", b"<stderr>"]
        .into_iter()
        .find(|mark| text[end..].starts_with(mark));
    let digits = count(word, |byte| byte.is_ascii_digit());
    if let Some(mark) = stream {
        // MPI's own mark is job,rank; SageMaker's says mpirank. One number alone is the rank.
        let rank = word
            .split(|byte| *byte == b',')
            .find_map(|part| part.strip_prefix(b"mpirank:"))
            .or_else(|| word.split(|byte| *byte == b',').nth(1))
            .unwrap_or(word);
        prefix.rank = whole(rank).and_then(|rank| u32::try_from(rank).ok());
        end += mark.len();
        return end;
    }
    if digits == word.len() && digits > 0 {
        let tabs = tab(&text[end..]);
        // "[0] loss=0.4" may be a launcher's mark; only the tab says booster.
        if tabs > 0 {
            prefix.round = whole(word);
            return end + tabs;
        }
        // R counts the elements of what it prints.
        if text[end..].starts_with(b" \"") {
            return end + 1;
        }
        if text.get(end) == Some(&b':') || text.get(end) == Some(&b' ') {
            prefix.numbered = whole(word);
            return end + 1;
        }
        return 0;
    }
    if digits > 0 && word.get(digits) == Some(&b',') && text.get(end) == Some(&b' ') {
        let second = word[digits + 1..].trim_ascii_start();
        if let (Some(epoch), Some(step), true) =
            (whole(&word[..digits]), whole(second), second.first().is_some_and(u8::is_ascii_digit))
        {
            prefix.place = Some((epoch, step));
            return end + 1;
        }
    }
    // [I 2026-11-20 19:12:03,123]: a level by its letter
    if let [b'D' | b'I' | b'W' | b'E' | b'C' | b'F', b' ', rest @ ..] = word
        && time(rest) > 0
    {
        return end;
    }
    let letters = count(word, |byte| byte.is_ascii_alphabetic());
    let number = word[letters..].trim_ascii_start();
    let number = number.strip_prefix(b":").or_else(|| number.strip_prefix(b"=")).unwrap_or(number).trim_ascii();
    let marks = [&b"rank"[..], b"default", b"trainer", b"worker", b"node", b"process", b"proc", b"localrank", b"gpu"];
    if letters > 0 && marks.iter().any(|mark| word[..letters].eq_ignore_ascii_case(mark)) && whole(number).is_some() {
        prefix.rank = whole(number).and_then(|rank| u32::try_from(rank).ok());
        return end + usize::from(text.get(end) == Some(&b':'));
    }
    // A time in brackets, a level, or a level with a logger's name after it.
    let level = word.split(|byte| matches!(byte, b' ' | b':' | b'|')).next().is_some_and(is_level);
    if level || time(word) > 0 || is_source(word) { end } else { 0 }
}

/// `[trainer.py:57]`, `[logging.py:96:log_dist]` (DeepSpeed).
fn is_source(word: &[u8]) -> bool {
    memchr::memmem::find(word, b".py:").is_some() || memchr::memmem::find(word, b".cc:").is_some()
}

/// `module.path:function:42 `, as loguru says where a message comes from.
fn source_line(text: &[u8]) -> usize {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'<' | b'>');
    let module = count(text, name);
    if module == 0 || text.get(module) != Some(&b':') {
        return 0;
    }
    let function = count(&text[module + 1..], name);
    let at = module + 1 + function;
    if function == 0 || text[module + 1].is_ascii_digit() || text.get(at) != Some(&b':') {
        return 0;
    }
    let digits = count(&text[at + 1..], |byte| byte.is_ascii_digit());
    let end = at + 1 + digits;
    if digits > 0 && [&b" - "[..], b" | "].iter().any(|sign| text[end..].starts_with(sign)) { end } else { 0 }
}

/// A tab, or `#011`, which is how CloudWatch shows the tabs of SageMaker's XGBoost.
fn tab(text: &[u8]) -> usize {
    if text.first() == Some(&b'\t') {
        1
    } else if text.starts_with(b"#011") {
        4
    } else {
        0
    }
}

/// A date, a time of day, `10:⇥` (CatBoost), `10: ` (srun --label).
fn digits(text: &[u8], prefix: &mut Prefix) -> usize {
    let time = time(text);
    if time > 0 {
        return time;
    }
    let len = count(text, |byte| byte.is_ascii_digit());
    if text.get(len) != Some(&b':') {
        return 0;
    }
    let tabs = tab(&text[len + 1..]);
    if tabs > 0 {
        prefix.round = whole(&text[..len]);
        len + 1 + tabs
    } else if text.get(len + 1) == Some(&b' ') && len <= 9 {
        prefix.numbered = whole(&text[..len]);
        len + 2
    } else {
        0
    }
}

/// The length of a date and time, or of either.
fn time(text: &[u8]) -> usize {
    let date = date(text);
    // 03/25 23:58:44: a day without its year
    if date == 0 && is_like(text, b"00/00 ") {
        let clock = clock(&text[6..]);
        return if clock > 0 { 6 + clock } else { 0 };
    }
    let mut at = date;
    if date > 0 {
        match text.get(at) {
            Some(b' ' | b'T' | b'_') if clock(&text[at + 1..]) > 0 => at += 1,
            _ => return at,
        }
    }
    let clock = clock(&text[at..]);
    if clock == 0 { date } else { at + clock }
}

/// Whether the text starts like the shape, in which a 0 stands for any digit.
fn is_like(text: &[u8], shape: &[u8]) -> bool {
    text.len() >= shape.len()
        && text.iter().zip(shape).all(|(byte, like)| if *like == b'0' { byte.is_ascii_digit() } else { byte == like })
}

/// `2026-11-20`, `2026/11/20`, `20/11/2026`.
fn date(text: &[u8]) -> usize {
    for shape in [&b"0000-00-00"[..], b"0000/00/00", b"00/00/0000", b"00.00.0000", b"00-00-0000"] {
        if is_like(text, shape) && !text.get(shape.len()).is_some_and(u8::is_ascii_digit) {
            return shape.len();
        }
    }
    0
}

/// `19:12:03`, `19:12:03,123`, `19:12:03.123456Z`, `19:12:03+01:00`.
fn clock(text: &[u8]) -> usize {
    if !is_like(text, b"00:00:00") || text.get(8).is_some_and(|byte| byte.is_ascii_digit() || *byte == b':') {
        return 0;
    }
    let mut at = 8;
    if matches!(text.get(at), Some(b'.' | b',')) {
        at += 1 + count(&text[at + 1..], |byte| byte.is_ascii_digit());
    }
    match text.get(at) {
        Some(b'Z') => at += 1,
        Some(b'+' | b'-') => at += 1 + count(&text[at + 1..], |byte| byte.is_ascii_digit() || byte == b':'),
        _ => {}
    }
    at
}

/// `INFO`, `INFO:root:`, `I1120 19:12:03.1 12 file.cc:5]`, `Nov 20 19:12:03 host`, `algo-1 |`, `Rank 3:`, `rank3:`.
fn word(text: &[u8], prefix: &mut Prefix) -> usize {
    let len = count(text, |byte| byte.is_ascii_alphabetic());
    let source = source_line(text);
    if source > 0 {
        return source;
    }
    let rest = &text[len..];
    if is_level(&text[..len]) {
        if let Some(after) = rest.strip_prefix(b":") {
            // logging.basicConfig's LEVEL:name:message
            let name = count(after, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
            if name > 0 && after.get(name) == Some(&b':') && !after.get(name + 1).is_some_and(u8::is_ascii_digit) {
                return len + 1 + name + 1;
            }
            return len + 1;
        }
        return if matches!(rest.first(), Some(b' ' | b'\t' | b']')) { len + 1 } else { 0 };
    }
    if len == 1 && matches!(text[0], b'I' | b'W' | b'E' | b'F') && count(rest, |byte| byte.is_ascii_digit()) == 4 {
        let close = count(&rest[..rest.len().min(100)], |byte| byte != b']');
        return if rest.get(close) == Some(&b']') { len + close + 1 } else { 0 };
    }
    if len == 3 && MONTHS.iter().any(|month| text[..3].eq_ignore_ascii_case(month.as_bytes())) {
        let spaces = count(rest, |byte| byte == b' ');
        let day = count(&rest[spaces..], |byte| byte.is_ascii_digit());
        let at = len + spaces + day + 1;
        let clock = if (1..=2).contains(&day) && text.len() > at { clock(&text[at..]) } else { 0 };
        return if clock > 0 { at + clock } else { 0 };
    }
    // algo-1 | …, worker-3 | …, with or without a suffix
    if let Some(after) = rest.strip_prefix(b"-") {
        let digits = count(after, |byte| byte.is_ascii_digit());
        let tail = count(&after[digits..], |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let spaces = count(&after[digits + tail..], |byte| byte == b' ');
        if digits > 0 && spaces > 0 && after.get(digits + tail + spaces) == Some(&b'|') {
            prefix.rank = whole(&after[..digits]).and_then(|rank| u32::try_from(rank).ok());
            return len + 1 + digits + tail + spaces + 1;
        }
        return 0;
    }
    if text[..len].eq_ignore_ascii_case(b"rank") {
        let spaces = count(rest, |byte| byte == b' ');
        let digits = count(&rest[spaces..], |byte| byte.is_ascii_digit());
        if digits > 0 && matches!(rest.get(spaces + digits), Some(b':' | b']' | b'|' | b',')) {
            prefix.rank = whole(&rest[spaces..spaces + digits]).and_then(|rank| u32::try_from(rank).ok());
            return len + spaces + digits + 1;
        }
    }
    0
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `(RayTrainWorker pid=123, ip=10.0.0.1)`
fn ray(text: &[u8]) -> usize {
    let close = count(&text[..text.len().min(100)], |byte| byte != b')');
    let inner = &text[..close.min(text.len())];
    if text.get(close) == Some(&b')') && memchr::memmem::find(inner, b" pid=").is_some() { close + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, message: &str, rank: Option<u32>, round: Option<u64>, numbered: Option<u64>) {
        let seen = prefix(input.as_bytes());
        assert_eq!(input[seen.len..].trim_start(), message, "{input:?}");
        assert_eq!((seen.rank, seen.round, seen.numbered), (rank, round, numbered), "{input:?}");
    }

    #[test]
    fn messages_start_after_times_levels_and_marks() {
        for before in [
            "",
            "  ",
            "2026-11-20 19:12:03,123 - INFO - ",
            "[2026-11-20 19:12:03] ",
            "2026-11-20T19:12:03.123Z ",
            "19:12:03 ",
            "INFO:root:",
            "[INFO] ",
            "[19:12:03] INFO: ",
            "I1120 19:12:03.123456 77 train.cc:12] ",
            "Nov 20 19:12:03 ",
            "[2026-11-20 19:12:03,123] [INFO] [logging.py:96:log_dist] ",
            "(TrainWorker pid=12) ",
            "2026/11/20 19:12:03 ",
            "20/11/2026 19:12:03 | INFO | ",
            "03/25 23:58:44 - INFO - ",
            "[11/01 11:27:04 d2.utils.events]: ",
            "2026-11-20 19:12:03.123 | INFO     | __main__:train:42 - ",
            "2026-11-20 19:12:03.123 | INFO | trainer.loop:<module>:142 - ",
            "[I 2026-11-20 19:12:03,123] ",
        ] {
            check(&format!("{before}loss=1"), "loss=1", None, None, None);
        }
    }

    #[test]
    fn launchers_say_the_rank() {
        for before in [
            "[rank2]: ",
            "[Rank 2] ",
            "[1,2]<stdout>:",
            "[1,mpirank:2,algo-1]<stdout>:",
            "[default2]:",
            "algo-2 | ",
            "Rank 2: ",
            "rank2: ",
            "[2]<stderr>:",
            "[GPU2] ",
            "2026-11-20 19:12:03 [rank 2] ",
        ] {
            check(&format!("{before}loss=1"), "loss=1", Some(2), None, None);
        }
    }

    #[test]
    fn boosters_say_the_round() {
        check("[10]\ttrain-rmse:1", "train-rmse:1", None, Some(10), None);
        check("[10]#011train-rmse:1", "train-rmse:1", None, Some(10), None);
        check("10:\tlearn: 1", "learn: 1", None, Some(10), None);
        check("10: loss 1", "loss 1", None, None, Some(10));
        check("12/469 loss", "12/469 loss", None, None, None);
        check("0.5: x", "0.5: x", None, None, None);
    }
}
